package mutate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/webhook/mutate"
	"github.com/spillway-io/spillway/webhook/sidecar"
	"github.com/spillway-io/spillway/webhook/stash"
)

// TestSidecarsThatDoNotFitIntoAPod: the API server could not store the pod, and says
// nothing of SidecarSets when it refuses it.
func TestSidecarsThatDoNotFitIntoAPod(t *testing.T) {
	set := func(name string, size int) *sidecar.Set {
		object := &v1alpha1.SidecarSet{ObjectMeta: metav1.ObjectMeta{Name: name}}
		object.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"virtual-pod": "true"}}
		object.Spec.Containers = []v1alpha1.SidecarContainer{{Container: corev1.Container{
			Name: name, Image: "log:1", Env: []corev1.EnvVar{{Name: "SETTINGS", Value: strings.Repeat("x", size)}},
		}}}
		return sidecar.Compile(object, nil)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"virtual-pod": "true"}}}
	pod.Spec.Containers = []corev1.Container{{Name: "app", Image: "app:1"}}
	cases := map[string]struct {
		reason   string
		sets     []*sidecar.Set
		injected int
	}{
		"one":          {"as large as an API server stores SidecarSets", []*sidecar.Set{set("a", 1000<<10)}, 1},
		"too-large":    {"for a pod, to which the API server adds its own", []*sidecar.Set{set("a", 1100<<10)}, 0},
		"all-together": {"nobody can tell which of them is to blame", []*sidecar.Set{set("a", 600<<10), set("b", 600<<10)}, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			in := mutate.Input{Pod: pod, Namespace: mutate.Namespace{Name: "default"}, Create: true, Sidecars: tc.sets}
			out := mutate.Admit(in, mutate.Policy{RoutingKeys: stash.DefaultRoutingKeys()})
			if out.Denied != nil || len(out.Injected) != tc.injected || len(out.Pod.Spec.Containers) != 1+tc.injected || len(out.SidecarsFailed) != len(tc.sets)-tc.injected {
				t.Fatalf("%s: denied %v, injected %d of %d, failed %v", tc.reason, out.Denied, len(out.Injected), len(tc.sets), out.SidecarsFailed)
			}
			for i, failure := range out.SidecarsFailed {
				want := fmt.Sprintf("with it the pod has %d bytes, more than the limit of 1048576", sizeWith(t, pod, tc.sets))
				if failure.Err.Error() != want || !strings.Contains(out.Warnings[i], want) {
					t.Errorf("%s: %v, warning %q; want %q", tc.reason, failure.Err, out.Warnings[i], want)
				}
			}
		})
	}
}

// sizeWith is how large the pod would be.
func sizeWith(t *testing.T, pod *corev1.Pod, sets []*sidecar.Set) int {
	t.Helper()
	out := mutate.Admit(mutate.Input{Pod: pod, Namespace: mutate.Namespace{Name: "default"}, Create: true}, mutate.Policy{RoutingKeys: stash.DefaultRoutingKeys()})
	return sidecar.Inject(sidecar.Subject{Pod: out.Pod, Namespace: sidecar.Namespace{Name: "default"}}, sets).Pod.Size()
}
