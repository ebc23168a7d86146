package capacity

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	resourcehelper "k8s.io/component-helpers/resource"
)

// TooLarge says that a pod is larger than every downstream node that it could run
// on, even if nothing else ran there, and why, in words for the pod's owner:
//
//	requests cpu 64, but the largest usable downstream node has 8 (metal)
//
// The pod may be the upstream or the downstream one; nodes whose taints it
// tolerates itself count as usable too. When no node is usable, nothing is known
// about their sizes, and nothing is said. Nor is anything said about a pod that
// does not fit at present only, or that its own node selector or affinity keeps
// off the large nodes: the downstream scheduler tells of those.
func TooLarge(pod *corev1.Pod, nodes []corev1.Node, policy Policy) (message string, tooLarge bool) {
	policy.Tolerated = slices.Concat(policy.Tolerated, pod.Spec.Tolerations)
	requests := resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{})
	var usable []*corev1.Node
	for i := range nodes {
		if policy.Usable(&nodes[i]) {
			usable = append(usable, &nodes[i])
		}
	}
	if len(usable) == 0 || slices.ContainsFunc(usable, func(n *corev1.Node) bool { return fits(requests, n.Status.Allocatable) }) {
		return "", false
	}
	if parts := beyondAll(requests, usable); len(parts) > 0 {
		return strings.Join(parts, "; "), true
	}
	// Each resource alone fits somewhere; together they fit nowhere.
	biggest := slices.MaxFunc(usable, bySize)
	return fmt.Sprintf("requests %s, but no usable downstream node has all of it; the largest has %s (%s)",
		listed(requests, requests), listed(requests, biggest.Status.Allocatable), biggest.Name), true
}

// fits says whether an empty node could hold the requests. As for the scheduler,
// what a node does not name it does not have, and requests of zero ask nothing.
func fits(requests, allocatable corev1.ResourceList) bool {
	for name, requested := range requests {
		if there := allocatable[name]; requested.Sign() > 0 && requested.Cmp(there) > 0 {
			return false
		}
	}
	return true
}

// beyondAll tells of every resource of which a pod requests more than any node
// has.
func beyondAll(requests corev1.ResourceList, nodes []*corev1.Node) (parts []string) {
	for _, name := range inOrder(requests) {
		requested := requests[name]
		richest := slices.MaxFunc(nodes, func(a, b *corev1.Node) int {
			most := a.Status.Allocatable[name]
			if order := most.Cmp(b.Status.Allocatable[name]); order != 0 {
				return order
			}
			return strings.Compare(b.Name, a.Name)
		})
		most := richest.Status.Allocatable[name]
		switch {
		case requested.Cmp(most) <= 0:
		case most.IsZero():
			parts = append(parts, fmt.Sprintf("requests %s %s, but no usable downstream node has any", name, requested.String()))
		default:
			parts = append(parts, fmt.Sprintf("requests %s %s, but the largest usable downstream node has %s (%s)",
				name, requested.String(), most.String(), richest.Name))
		}
	}
	return parts
}

// bySize orders nodes by what they have in all; of equal ones the first by name
// is the largest.
func bySize(a, b *corev1.Node) int {
	switch {
	case larger(a.Status.Allocatable, b.Status.Allocatable):
		return 1
	case larger(b.Status.Allocatable, a.Status.Allocatable):
		return -1
	default:
		return strings.Compare(b.Name, a.Name)
	}
}

// listed writes quantities of the resources that are requested.
func listed(requests, quantities corev1.ResourceList) string {
	var parts []string
	for _, name := range inOrder(requests) {
		if requested := requests[name]; requested.Sign() > 0 {
			quantity := quantities[name]
			parts = append(parts, fmt.Sprintf("%s %s", name, quantity.String()))
		}
	}
	return strings.Join(parts, ", ")
}
