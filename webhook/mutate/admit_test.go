package mutate_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/webhook/mutate"
	"github.com/spillway-io/spillway/webhook/stash"
)

// TestStashThatDoesNotFitIsDenied: an API server refuses a pod with more than
// 256 KiB of annotations in words that name none of them.
func TestStashThatDoesNotFitIsDenied(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Labels:      map[string]string{"virtual-pod": "true"},
		Annotations: map[string]string{"large": strings.Repeat("x", 200<<10)},
	}}
	for i := range 1000 {
		pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{Key: fmt.Sprintf("example.com/key-%04d", i), Operator: corev1.TolerationOpExists})
	}
	admit := func() mutate.Outcome {
		return mutate.Admit(mutate.Input{Pod: pod, Namespace: mutate.Namespace{Name: "default"}, Create: true}, mutate.Policy{RoutingKeys: stash.DefaultRoutingKeys()})
	}
	if out := admit(); out.Denied != nil || out.Skipped != "" {
		t.Fatalf("below the limit: denied %v, skipped %q", out.Denied, out.Skipped)
	}
	pod.Annotations["large"] = strings.Repeat("x", 220<<10)
	out := admit()
	if out.Denied == nil || !strings.Contains(out.Denied.Error(), `annotation "clusterSelector"`) || !strings.Contains(out.Denied.Error(), "262144") {
		t.Errorf("denied with %v, want the annotation and the limit named", out.Denied)
	}
	if out.Pod != pod {
		t.Error("a denied pod must be left as it is")
	}
}
