package sidecar

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
)

// TestStandingOf: a new image is followed in place, everything else is not.
func TestStandingOf(t *testing.T) {
	set := func(change func(*v1alpha1.SidecarContainer)) *Set {
		object := &v1alpha1.SidecarSet{ObjectMeta: metav1.ObjectMeta{Name: "logs"}}
		object.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
		object.Spec.Containers = []v1alpha1.SidecarContainer{{Container: corev1.Container{Name: "log", Image: "log:1"}}}
		change(&object.Spec.Containers[0])
		return Compile(object, nil)
	}
	before := set(func(*v1alpha1.SidecarContainer) {})
	cases := map[string]struct {
		reason  string
		set     *Set
		updated bool
		why     string
	}{
		"same":     {"nothing changed", before, true, ""},
		"image":    {"an image can change in place", set(func(c *v1alpha1.SidecarContainer) { c.Image = "log:2" }), false, ""},
		"argument": {"nothing else can", set(func(c *v1alpha1.SidecarContainer) { c.Args = []string{"-v"} }), false, reasonImmutableField},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := View{Set: c.set}.StandingOf(podOf(t, before, "web-1"))
			if got.Updated != c.updated || got.Obstacle != c.why || !got.Since.Equal(midnight()) {
				t.Errorf("%s: %+v", c.reason, got)
			}
		})
	}
}
