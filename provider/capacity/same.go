package capacity

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
)

// SameNode says that the change of a node makes no difference to any Offer. Most
// changes are heartbeats.
func SameNode(before, after *corev1.Node) bool {
	return ready(before) == ready(after) &&
		before.Spec.Unschedulable == after.Spec.Unschedulable &&
		(before.DeletionTimestamp == nil) == (after.DeletionTimestamp == nil) &&
		slices.EqualFunc(before.Spec.Taints, after.Spec.Taints, func(a, b corev1.Taint) bool { return a.MatchTaint(&b) && a.Value == b.Value }) &&
		!slices.ContainsFunc(AgreedKeys(), func(key string) bool { return differs(key, before.Labels, after.Labels) }) &&
		slices.Equal(before.Status.DeclaredFeatures, after.Status.DeclaredFeatures) &&
		apiequality.Semantic.DeepEqual(before.Status.Allocatable, after.Status.Allocatable)
}

func differs(key string, before, after map[string]string) bool {
	was, had := before[key]
	is, has := after[key]
	return was != is || had != has
}

// SamePod says that the change of a pod, whose owner did not change, makes no
// difference to any Offer. Most changes are of its status.
func SamePod(before, after *corev1.Pod) bool {
	return before.Spec.NodeName == after.Spec.NodeName &&
		ended(before) == ended(after) &&
		apiequality.Semantic.DeepEqual(requestsOf(before), requestsOf(after))
}
