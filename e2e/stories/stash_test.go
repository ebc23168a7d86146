package stories

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

// TestMalformedStashIsDenied: the user is told what is wrong, where, and what to
// do, and nothing is created.
func TestMalformedStashIsDenied(t *testing.T) {
	s := tell(t, nil)
	pod := newPod("web")
	pod.Annotations = map[string]string{api.StashAnnotation: `{"nodeSelector":{"disktype":"ssd"`}
	_, stderr, err := s.upstream.Kubectl(s.ctx, manifest(t, pod), "apply", "-n", s.namespace, "-f", "-")
	if err == nil {
		t.Fatal("kubectl apply succeeded, want a denial")
	}
	for _, want := range []string{`annotation "clusterSelector"`, "at offset 33", "unexpected end of JSON input", "give a JSON object with any of"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("kubectl said %q, want %q in it", stderr, want)
		}
	}
	_, err = s.upstream.Client().CoreV1().Pods(s.namespace).Get(s.ctx, "web", metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("getting the pod: %v, want NotFound", err)
	}
}

// TestHandWrittenStashIsHonoured: downstream gets what was written, to the
// letter, and not the pod's own constraints.
func TestHandWrittenStashIsHonoured(t *testing.T) {
	s := tell(t, nil)
	pod := newPod("web")
	pod.Spec.NodeSelector = map[string]string{"clusterID": "east"}
	pod.Annotations = map[string]string{api.StashAnnotation: `{"nodeSelector":{"disktype":"ssd"},"tolerations":[{"key":"dedicated","operator":"Exists","effect":"NoSchedule"}],` +
		`"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"topology.kubernetes.io/zone","operator":"In","values":["b"]}]}]}}}}`}
	s.applies(manifest(t, pod))
	s.must("see the pod run", s.runsInBoth(s.ctx, 1, "east", s.downstream))

	up, below := s.pod(s.upstream, "web"), s.pod(s.downstream, "web")
	if _, marked := up.Annotations[api.StashMarkerAnnotation]; marked || up.Annotations[api.StashAnnotation] != pod.Annotations[api.StashAnnotation] {
		t.Errorf("annotations %v; want the user's stash, without a marker", up.Annotations)
	}
	if below.Spec.NodeName != "ssd-b" {
		t.Errorf("on node %s, want ssd-b, the only one with that disk in that zone", below.Spec.NodeName)
	}
	if diff := cmp.Diff(map[string]string{"disktype": "ssd"}, below.Spec.NodeSelector); diff != "" {
		t.Errorf("downstream node selector -want +got:\n%s", diff)
	}
	written := corev1.Toleration{Key: "dedicated", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule}
	if len(below.Spec.Tolerations) == 0 || below.Spec.Tolerations[0] != written {
		t.Errorf("downstream tolerations %v, want %v and the API server's defaults", below.Spec.Tolerations, written)
	}
}
