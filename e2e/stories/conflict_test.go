package stories

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestForeignPodStaysUntouched: a downstream pod of the same namespace and name
// that is not ours is neither taken over nor deleted, and the upstream pod says
// why it waits.
func TestForeignPodStaysUntouched(t *testing.T) {
	s := tell(t, nil)
	s.must("create the namespace downstream", s.downstream.CreateNamespace(s.ctx, s.namespace, nil))
	foreign := newPod("web")
	foreign.Labels = map[string]string{"team": "downstream"}
	_, err := s.downstream.Client().CoreV1().Pods(s.namespace).Create(s.ctx, foreign, metav1.CreateOptions{})
	s.must("create the foreign pod", err)
	s.eventually("the foreign pod runs", func(context.Context) error {
		if phase := s.pod(s.downstream, "web").Status.Phase; phase != corev1.PodRunning {
			return fmt.Errorf("it is %s", phase)
		}
		return nil
	})
	before := toJSON(t, s.pod(s.downstream, "web"))

	pod := newPod("web")
	pod.Spec.NodeSelector = map[string]string{"clusterID": "east"}
	s.applies(manifest(t, pod))
	s.eventually("an event explains the conflict", func(context.Context) error {
		described, _, err := s.upstream.Kubectl(s.ctx, "", "describe", "pod", "-n", s.namespace, "web")
		if err != nil {
			return err
		}
		if !strings.Contains(described, "DownstreamConflict") || !strings.Contains(described, s.namespace+"/web") {
			return fmt.Errorf("kubectl describe says:\n%s", described)
		}
		return nil
	})
	if up := s.pod(s.upstream, "web"); up.Status.Phase != corev1.PodPending {
		t.Errorf("the upstream pod is %s, want Pending", up.Status.Phase)
	}

	_, _, err = s.upstream.Kubectl(s.ctx, "", "delete", "pod", "-n", s.namespace, "web")
	s.must("delete the upstream pod", err)
	if after := toJSON(t, s.pod(s.downstream, "web")); after != before {
		t.Errorf("the foreign pod changed:\n%s\n%s", before, after)
	}
}
