package stories

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/playground"
)

// TestPriorityClass: a pod keeps its class where the downstream cluster has it too,
// whatever number that means there; without it, and with one of the system's, it has
// the default, and is told.
func TestPriorityClass(t *testing.T) {
	s := tell(t, nil)
	s.hasPriorityClass(s.upstream, "in-both", 7)
	s.hasPriorityClass(s.downstream, "in-both", 9)
	s.hasPriorityClass(s.upstream, "upstream-only", 7)
	for _, class := range []string{"in-both", "upstream-only", "system-node-critical"} {
		pod := newPod(class)
		pod.Spec.NodeSelector, pod.Spec.PriorityClassName = map[string]string{"clusterID": "east"}, class
		s.applies(manifest(t, pod))
	}
	for name, want := range map[string]string{"in-both": "in-both", "upstream-only": "", "system-node-critical": ""} {
		s.phase(name, corev1.PodRunning)
		if got := s.pod(s.downstream, name).Spec.PriorityClassName; got != want {
			t.Errorf("downstream, pod %s has class %q, want %q", name, got, want)
		}
	}
	if got := *s.pod(s.downstream, "in-both").Spec.Priority; got != 9 {
		t.Errorf("downstream, the priority is %d, want that of the class there, 9", got)
	}
	s.hears("upstream-only", "PriorityClassMissing", "upstream-only")
	s.hears("system-node-critical", "PriorityClassMissing", "system-node-critical")
}

// hasPriorityClass makes a class as long as the story lasts.
func (s *story) hasPriorityClass(cluster *playground.Cluster, name string, value int) {
	s.Helper()
	s.must("make a class", cluster.Apply(s.ctx, fmt.Sprintf("{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: %s}, value: %d}", name, value)))
	s.finally(func(ctx context.Context) error {
		return cluster.Client().SchedulingV1().PriorityClasses().Delete(ctx, name, metav1.DeleteOptions{})
	})
}
