package capacity

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// add adds more to a sum, in place.
func add(sum, more corev1.ResourceList) {
	for name, quantity := range more {
		total := sum[name]
		total.Add(quantity)
		sum[name] = total
	}
}

// subtract takes resources away from what there is, in place. What is not there
// cannot be taken.
func subtract(left, taken corev1.ResourceList) {
	for name, amount := range taken {
		if quantity, known := left[name]; known {
			quantity.Sub(amount)
			left[name] = quantity
		}
	}
}

// less is what remains, at least zero of each.
func less(all, taken corev1.ResourceList) corev1.ResourceList {
	rest := all.DeepCopy()
	subtract(rest, taken)
	for name, quantity := range rest {
		rest[name] = atLeastZero(quantity)
	}
	return rest
}

// within is what there is of both, at least zero of each. A resource that one of
// them does not name is left out.
func within(one, other corev1.ResourceList) corev1.ResourceList {
	both := make(corev1.ResourceList, len(one))
	for name, quantity := range one {
		if bound, known := other[name]; known {
			if quantity.Cmp(bound) > 0 {
				quantity = bound
			}
			both[name] = atLeastZero(quantity.DeepCopy())
		}
	}
	return both
}

func atLeastZero(quantity resource.Quantity) resource.Quantity {
	if quantity.Sign() < 0 {
		return resource.Quantity{Format: quantity.Format}
	}
	return quantity
}
