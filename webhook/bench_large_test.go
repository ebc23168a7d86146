package webhook_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/spillway-io/spillway/webhook/sidecar"
)

// BenchmarkLargeSidecarSets is what SidecarSets as large as etcd takes them cost:
// each of their changes, and each admission of a pod that they are about.
func BenchmarkLargeSidecarSets(b *testing.B) {
	const megabyte = 1 << 20
	body := review(b, realisticPod("true"), nil)
	for name, containers := range map[string]int{"one-of-1MB": 1, "1000-of-1KB": 1000, "4000-of-250B": 4000} {
		object := largeSet(containers, (megabyte-64<<10)/containers)
		b.Run(name+"/change", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sidecar.Compile(object, nil)
			}
		})
		set := sidecar.Compile(object, nil)
		if set.Err != nil {
			b.Fatal(set.Err)
		}
		handler, _ := newHandler(b, namespaceLabels{})
		handler.Sidecars = known{set}
		served := &admission.Webhook{Handler: handler}
		b.Run(name+"/admission", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				admitOnce(b, served, body)
			}
		})
	}
}

// largeSet has so many containers of so many bytes.
func largeSet(containers, bytes int) *v1alpha1.SidecarSet {
	set := &v1alpha1.SidecarSet{ObjectMeta: metav1.ObjectMeta{Name: "large", UID: "u"}}
	set.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"virtual-pod": "true"}}
	for i := range containers {
		set.Spec.Containers = append(set.Spec.Containers, v1alpha1.SidecarContainer{Container: corev1.Container{
			Name: fmt.Sprintf("sidecar-%04d", i), Image: "log:1",
			Env: []corev1.EnvVar{{Name: "SETTINGS", Value: strings.Repeat("x", max(0, bytes-200))}},
		}})
	}
	return set
}
