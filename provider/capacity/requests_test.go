package capacity

import (
	"fmt"
	"math/rand/v2"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resourcehelper "k8s.io/component-helpers/resource"
)

// TestRequestsOf: the short cut for pods that are not being resized comes to what
// the scheduler's own way comes to.
func TestRequestsOf(t *testing.T) {
	short := 0
	for seed := range uint64(5000) {
		random := rand.New(rand.NewPCG(seed, seed))
		pod := randomPod(random)
		want := resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{
			UseStatusResources: true, InPlacePodLevelResourcesVerticalScalingEnabled: true,
		})
		want[corev1.ResourcePods] = resource.MustParse("1")
		if got := requestsOf(pod); !equal(want, got) {
			t.Fatalf("seed %d: %v, want %v\nspec %+v\nstatus %+v", seed, got, want, pod.Spec, pod.Status)
		}
		if !resizing(pod) {
			short++
		}
	}
	if short < 1000 || short > 4000 {
		t.Errorf("%d of 5000 pods take the short cut: these are not the pods to try it with", short)
	}
}

func randomPod(random *rand.Rand) *corev1.Pod {
	perhaps := func() bool { return random.IntN(8) == 0 }
	amount := func() corev1.ResourceList {
		list := corev1.ResourceList{corev1.ResourceCPU: *resource.NewMilliQuantity(random.Int64N(4000), resource.DecimalSI)}
		if random.IntN(2) == 0 {
			list[corev1.ResourceMemory] = *resource.NewQuantity(random.Int64N(1<<30), resource.BinarySI)
		}
		return list
	}
	pod := &corev1.Pod{}
	add := func(name string, policy *corev1.ContainerRestartPolicy, containers *[]corev1.Container, statuses *[]corev1.ContainerStatus) {
		requests := amount()
		*containers = append(*containers, corev1.Container{Name: name, RestartPolicy: policy, Resources: corev1.ResourceRequirements{Requests: requests}})
		status := corev1.ContainerStatus{Name: name, AllocatedResources: requests, Resources: &corev1.ResourceRequirements{Requests: requests}}
		if perhaps() {
			status.AllocatedResources = amount()
		}
		if perhaps() {
			status.Resources = &corev1.ResourceRequirements{Requests: amount()}
		}
		if perhaps() {
			status.AllocatedResources, status.Resources = nil, nil
		}
		if !perhaps() {
			*statuses = append(*statuses, status)
		}
	}
	for i := range 1 + random.IntN(2) {
		add(fmt.Sprint("c", i), nil, &pod.Spec.Containers, &pod.Status.ContainerStatuses)
	}
	for i := range random.IntN(3) {
		policy := []*corev1.ContainerRestartPolicy{nil, new(corev1.ContainerRestartPolicyAlways)}[random.IntN(2)]
		add(fmt.Sprint("i", i), policy, &pod.Spec.InitContainers, &pod.Status.InitContainerStatuses)
	}
	if perhaps() {
		pod.Spec.Resources = &corev1.ResourceRequirements{Requests: amount()}
		if perhaps() {
			pod.Status.AllocatedResources, pod.Status.Resources = amount(), &corev1.ResourceRequirements{Requests: amount()}
		}
	}
	if perhaps() {
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodResizePending, Reason: corev1.PodReasonInfeasible}}
	}
	if perhaps() {
		pod.Spec.Overhead = amount()
	}
	return pod
}
