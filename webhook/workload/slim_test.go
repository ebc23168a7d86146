package workload

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

// TestSlimPod: what is kept of a pod, and that containers are kept only of those
// that have sidecars.
func TestSlimPod(t *testing.T) {
	always := corev1.ContainerRestartPolicyAlways
	pod := func() *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "p", ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "m"}}},
			Spec: corev1.PodSpec{
				NodeName:       "n1",
				Volumes:        []corev1.Volume{{Name: "v"}},
				Containers:     []corev1.Container{{Name: "app", Image: "app:v1", Env: []corev1.EnvVar{{Name: "E"}}}},
				InitContainers: []corev1.Container{{Name: "log", Image: "log:v1", RestartPolicy: &always, Args: []string{"-v"}}},
			},
			Status: corev1.PodStatus{ObservedGeneration: 3, Phase: corev1.PodRunning, PodIP: "10.0.0.1"},
		}
	}
	want := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p"},
		Spec:       corev1.PodSpec{NodeName: "n1"},
		Status:     corev1.PodStatus{ObservedGeneration: 3, Phase: corev1.PodRunning},
	}
	got, err := slimPod(pod())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("without sidecars: -want +got:\n%s", diff)
	}

	injected := pod()
	injected.Annotations = map[string]string{api.SidecarSetHashAnnotation: "{}"}
	want.Annotations = injected.Annotations
	want.Spec.Containers = []corev1.Container{{Name: "app", Image: "app:v1"}}
	want.Spec.InitContainers = []corev1.Container{{Name: "log", Image: "log:v1", RestartPolicy: &always}}
	if got, err = slimPod(injected); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("with sidecars: -want +got:\n%s", diff)
	}
}
