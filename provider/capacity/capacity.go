// Package capacity computes what a virtual node can offer: what the downstream
// cluster's usable nodes could hold for us if none of our own pods were there.
//
// Our own pods are left out because the upstream scheduler subtracts them
// itself, by the requests of the upstream pods.
//
// The package holds functions from values to values only. It refuses to keep a
// running total: the answer is computed afresh from everything that is known,
// so a missed event cannot make it drift.
package capacity

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resourcehelper "k8s.io/component-helpers/resource"
)

// Free returns, summed over all usable nodes, allocatable resources less the
// requests of the pods that are bound to the node, have not ended, and are not
// ours. A node that others have overcommitted offers nothing of that resource;
// it takes nothing from the others. Quantities are exact.
func Free(nodes []corev1.Node, pods []corev1.Pod, ours func(*corev1.Pod) bool) corev1.ResourceList {
	free := make(map[string]corev1.ResourceList, len(nodes))
	for i := range nodes {
		if Usable(&nodes[i]) {
			free[nodes[i].Name] = nodes[i].Status.Allocatable.DeepCopy()
		}
	}
	for i := range pods {
		left, known := free[pods[i].Spec.NodeName]
		if known && !ended(&pods[i]) && !ours(&pods[i]) {
			take(left, &pods[i])
		}
	}
	total := corev1.ResourceList{}
	for _, left := range free {
		addPositive(total, left)
	}
	return total
}

// Usable says whether new pods may start on a downstream node: it is ready, not
// cordoned, and not about to be removed.
func Usable(node *corev1.Node) bool {
	if node.Spec.Unschedulable || node.DeletionTimestamp != nil {
		return false
	}
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

func ended(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// take subtracts what the scheduler counts for a pod, itself included: its
// requests, which a resize under way can only raise, and one pod.
func take(left corev1.ResourceList, pod *corev1.Pod) {
	requests := resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{
		UseStatusResources: true,
		InPlacePodLevelResourcesVerticalScalingEnabled: true,
	})
	requests[corev1.ResourcePods] = *resource.NewQuantity(1, resource.DecimalSI)
	for name, requested := range requests {
		if quantity, offered := left[name]; offered {
			quantity.Sub(requested)
			left[name] = quantity
		}
	}
}

// addPositive also names resources of which nothing is left, so that they do not
// seem unknown.
func addPositive(total, left corev1.ResourceList) {
	for name, quantity := range left {
		sum, counted := total[name]
		if !counted {
			sum = resource.Quantity{Format: quantity.Format}
		}
		if quantity.Sign() > 0 {
			sum.Add(quantity)
		}
		total[name] = sum
	}
}
