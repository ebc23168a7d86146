package capacity

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// largest is the largest pod that fits into one of the rooms and into spare.
func largest(rooms map[string]*room, spare corev1.ResourceList) corev1.ResourceList {
	best := corev1.ResourceList{}
	for _, name := range slices.Sorted(maps.Keys(rooms)) {
		fitting := within(rooms[name].left, spare)
		// Room for less than one pod is none, whatever else there is.
		if pods := fitting[corev1.ResourcePods]; pods.Value() < 1 {
			continue
		}
		delete(fitting, corev1.ResourcePods)
		if larger(fitting, best) {
			best = fitting
		}
	}
	return best
}

// larger compares by CPU, then memory, then the other resources by name. A list
// that names a resource is larger than one that does not.
func larger(one, other corev1.ResourceList) bool {
	for _, name := range inOrder(one, other) {
		quantity, named := one[name]
		otherQuantity, otherNamed := other[name]
		if order := quantity.Cmp(otherQuantity); order != 0 {
			return order > 0
		}
		if named != otherNamed {
			return named
		}
	}
	return false
}

// inOrder names the resources of all lists, CPU and memory first.
func inOrder(lists ...corev1.ResourceList) []corev1.ResourceName {
	names := []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory}
	var others []corev1.ResourceName
	for _, list := range lists {
		for name := range list {
			if !slices.Contains(names, name) && !slices.Contains(others, name) {
				others = append(others, name)
			}
		}
	}
	slices.Sort(others)
	return append(names, others...)
}
