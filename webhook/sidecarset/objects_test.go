package sidecarset

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/catalog"
	"github.com/spillway-io/spillway/webhook/sidecar"
)

// agents is a SidecarSet of one container, log, with that image.
func agents(image string) *v1alpha1.SidecarSet {
	return &v1alpha1.SidecarSet{
		ObjectMeta: metav1.ObjectMeta{Name: "agents", UID: "set-uid", Generation: 1},
		Spec: v1alpha1.SidecarSetSpec{
			Selector:   &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
			Containers: []v1alpha1.SidecarContainer{{Container: corev1.Container{Name: "log", Image: image}}},
		},
	}
}

// podWith is a pod that runs and is ready, and was created with the set in it.
func podWith(t testing.TB, set *v1alpha1.SidecarSet, name string) *corev1.Pod {
	t.Helper()
	record, err := sidecar.Record{}.With(sidecar.Compile(set, nil), []string{"log"}, metav1.NewTime(noon())).Write(nil)
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: name, UID: types.UID("uid-" + name),
			Labels: map[string]string{"app": "web", api.OptInLabel: api.OptedIn}, Annotations: record,
		},
		Spec: corev1.PodSpec{NodeName: "n1", Containers: []corev1.Container{
			{Name: "log", Image: set.Spec.Containers[0].Image}, {Name: "app", Image: "app:v1"},
		}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning},
	}
	run(pod)
	return pod
}

func run(pod *corev1.Pod) {
	pod.Status.ContainerStatuses = nil
	for _, c := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, Image: c.Image, ImageID: "sha256:" + c.Image, ContainerID: "containerd://" + c.Image,
		})
	}
	readied(pod, corev1.ConditionTrue)
}

func readied(pod *corev1.Pod, status corev1.ConditionStatus) {
	pod.Status.Conditions = slices.DeleteFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady })
	pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: corev1.PodReady, Status: status})
}

// threePods are p0, p1 and p2, with log:v1.
func threePods(t *testing.T) []client.Object {
	t.Helper()
	var objects []client.Object
	for i := range 3 {
		objects = append(objects, podWith(t, agents("log:v1"), fmt.Sprintf("p%d", i)))
	}
	return objects
}

// withUnknown is a set with a field that its type has not.
func withUnknown(w *world) {
	w.Helper()
	object := catalog.NewObject()
	if err := w.server.Get(w.Context(), client.ObjectKey{Name: "agents"}, object); err != nil {
		w.Fatal(err)
	}
	if err := unstructured.SetNestedField(object.Object, "soon", "spec", "updateStrategy", "when"); err != nil {
		w.Fatal(err)
	}
	w.reconciler.cache = oneSet{w.server, object}
}

// oneSet is a cache in which the set is as given.
type oneSet struct {
	client.Reader

	object *unstructured.Unstructured
}

func (s oneSet) Get(ctx context.Context, key client.ObjectKey, object client.Object, opts ...client.GetOption) error {
	if set, ok := object.(*unstructured.Unstructured); ok {
		s.object.DeepCopyInto(set)
		return nil
	}
	return s.Reader.Get(ctx, key, object, opts...)
}
