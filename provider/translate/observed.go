package translate

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
)

// OnlyObserved says whether the later of two statuses of one pod tells nothing but
// which generation of it was observed.
func OnlyObserved(before, after *corev1.PodStatus) bool {
	rest := *after
	rest.ObservedGeneration = before.ObservedGeneration
	known := *before
	rest.Conditions, known.Conditions = unobserved(after.Conditions), unobserved(before.Conditions)
	return apiequality.Semantic.DeepEqual(&known, &rest)
}

func unobserved(conditions []corev1.PodCondition) []corev1.PodCondition {
	result := slices.Clone(conditions)
	for i := range result {
		result[i].ObservedGeneration = 0
	}
	return result
}
