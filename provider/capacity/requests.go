package capacity

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resourcehelper "k8s.io/component-helpers/resource"
)

// requestsOf is what the scheduler counts for a pod that is bound, itself
// included: its requests, which a resize under way can only raise, and one pod.
func requestsOf(pod *corev1.Pod) corev1.ResourceList {
	requests := resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{
		UseStatusResources: resizing(pod),
		InPlacePodLevelResourcesVerticalScalingEnabled: true,
	})
	requests[corev1.ResourcePods] = *resource.NewQuantity(1, resource.DecimalSI)
	return requests
}

// resizing says that the status of a pod may count for more than its spec. Nodes
// report what they granted to every container, and for nearly all it is what was
// asked for; to add it up all the same is most of the work of a survey.
func resizing(pod *corev1.Pod) bool {
	return pod.Status.Resources != nil || pod.Status.AllocatedResources != nil || resourcehelper.IsPodResizeInfeasible(pod) ||
		slices.ContainsFunc(pod.Spec.Containers, func(c corev1.Container) bool { return resizes(c, pod.Status.ContainerStatuses) }) ||
		slices.ContainsFunc(pod.Spec.InitContainers, func(c corev1.Container) bool { return resizes(c, pod.Status.InitContainerStatuses) })
}

func resizes(container corev1.Container, statuses []corev1.ContainerStatus) bool {
	for i := range statuses {
		status := &statuses[i]
		if status.Name != container.Name {
			continue
		}
		requests := container.Resources.Requests
		return status.AllocatedResources != nil && !equal(status.AllocatedResources, requests) ||
			status.Resources != nil && status.Resources.Requests != nil && !equal(status.Resources.Requests, requests)
	}
	return false
}

func equal(one, other corev1.ResourceList) bool {
	if len(one) != len(other) {
		return false
	}
	for name, quantity := range one {
		if same, known := other[name]; !known || quantity.Cmp(same) != 0 {
			return false
		}
	}
	return true
}
