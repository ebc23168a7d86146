package sidecar

import (
	"testing"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func midnight() time.Time { return time.Date(2025, 11, 1, 0, 0, 0, 0, time.UTC) }

// podOf is a pod that runs and is ready, and was created with the set in it.
func podOf(t testing.TB, set *Set, name string) *corev1.Pod {
	t.Helper()
	record, err := Record{}.With(set, []string{"log"}, metav1.Time{Time: midnight()}).Write(nil)
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: name, UID: types.UID("uid-" + name), ResourceVersion: "1", Generation: 1,
			Labels: map[string]string{"app": "web"}, Annotations: record,
		},
		Spec: corev1.PodSpec{NodeName: "n1", Containers: []corev1.Container{
			{Name: "log", Image: set.Object.Spec.Containers[0].Image}, {Name: "app", Image: "app:v1"},
		}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
	}
	runs(pod, "first")
	return pod
}

// runs has the node run what the spec asks for.
func runs(pod *corev1.Pod, id string) {
	pod.Status.ContainerStatuses = nil
	for _, c := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, Image: c.Image, ImageID: "sha256:" + c.Image, ContainerID: "containerd://" + c.Name + id,
		})
	}
	pod.Status.ObservedGeneration = pod.Generation
	readied(pod, true)
}

func readied(pod *corev1.Pod, ready bool) {
	pod.Status.Conditions[0].Status = corev1.ConditionFalse
	if ready {
		pod.Status.Conditions[0].Status = corev1.ConditionTrue
	}
}

// updated is the pod after Update, as the API server has it.
func updated(t testing.TB, pod *corev1.Pod, set *Set) *corev1.Pod {
	t.Helper()
	after, err := Update(pod, set, midnight())
	if err != nil {
		t.Fatal(err)
	}
	after.Generation++
	return after
}

func rolling(image string, change func(*v1alpha1.SidecarSetUpdateStrategy)) *Set {
	set := agents(image)
	if change != nil {
		change(&set.Spec.UpdateStrategy)
	}
	return Compile(set, nil)
}

func podNames(pods []*corev1.Pod) []string {
	list := []string{}
	for _, pod := range pods {
		list = append(list, pod.Name)
	}
	return list
}
