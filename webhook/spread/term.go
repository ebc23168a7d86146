package spread

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Require puts a node selector term into every alternative of the affinity's
// required terms; without any, the term becomes the only one. What an
// alternative requires already is not added again, and an alternative that is
// empty selects no node and must not begin to. A nil term asks nothing, and
// neither does an empty one. The result shares the parts it did not change with
// affinity, which is not modified.
func Require(affinity *corev1.Affinity, term *corev1.NodeSelectorTerm) *corev1.Affinity {
	if asksNothing(term) {
		return affinity
	}
	required, node := copyAffinity(affinity)
	terms := []corev1.NodeSelectorTerm{*term}
	if node.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		if given := node.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms; len(given) > 0 {
			terms = both(given, term)
		}
	}
	node.RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{NodeSelectorTerms: terms}
	return required
}

// asksNothing says whether a subset's term adds no requirement. Kubernetes lets
// an empty term select no node; as the term of a subset that can only be a
// mistake, and nobody's pods are to pay for it.
func asksNothing(term *corev1.NodeSelectorTerm) bool { return term == nil || isEmpty(*term) }

func isEmpty(term corev1.NodeSelectorTerm) bool {
	return len(term.MatchExpressions)+len(term.MatchFields) == 0
}

// both returns the alternatives, each of them AND the term.
func both(alternatives []corev1.NodeSelectorTerm, term *corev1.NodeSelectorTerm) []corev1.NodeSelectorTerm {
	terms := slices.Clone(alternatives)
	for i, alternative := range terms {
		if !isEmpty(alternative) {
			terms[i].MatchExpressions = union(alternative.MatchExpressions, term.MatchExpressions, sameRequirement)
			terms[i].MatchFields = union(alternative.MatchFields, term.MatchFields, sameRequirement)
		}
	}
	return terms
}

// prefer appends preferred terms to those of the affinity.
func prefer(affinity *corev1.Affinity, preferred []corev1.PreferredSchedulingTerm) *corev1.Affinity {
	if len(preferred) == 0 {
		return affinity
	}
	preferring, node := copyAffinity(affinity)
	node.PreferredDuringSchedulingIgnoredDuringExecution = union(node.PreferredDuringSchedulingIgnoredDuringExecution, preferred, samePreference)
	return preferring
}

// copyAffinity returns an affinity to write to, and the node affinity in it.
func copyAffinity(affinity *corev1.Affinity) (*corev1.Affinity, *corev1.NodeAffinity) {
	var (
		whole corev1.Affinity
		node  corev1.NodeAffinity
	)
	if affinity != nil {
		whole = *affinity
	}
	if whole.NodeAffinity != nil {
		node = *whole.NodeAffinity
	}
	whole.NodeAffinity = &node
	return &whole, &node
}

// union appends to list those items that it does not have yet. It is a set's
// union on the right side only: what the pod's author wrote twice stays twice.
func union[T any](list, items []T, same func(a, b T) bool) []T {
	list = slices.Clip(list)
	for _, item := range items {
		if !slices.ContainsFunc(list, func(has T) bool { return same(has, item) }) {
			list = append(list, item)
		}
	}
	return list
}

func sameRequirement(a, b corev1.NodeSelectorRequirement) bool {
	return a.Key == b.Key && a.Operator == b.Operator && slices.Equal(a.Values, b.Values)
}

func samePreference(a, b corev1.PreferredSchedulingTerm) bool {
	return a.Weight == b.Weight &&
		slices.EqualFunc(a.Preference.MatchExpressions, b.Preference.MatchExpressions, sameRequirement) &&
		slices.EqualFunc(a.Preference.MatchFields, b.Preference.MatchFields, sameRequirement)
}

// sameToleration tells tolerations of different duration apart; the shorter one
// then decides, as in Kubernetes.
func sameToleration(a, b corev1.Toleration) bool {
	return a.Key == b.Key && a.Value == b.Value && a.Effect == b.Effect && operator(a) == operator(b) && sameSeconds(a.TolerationSeconds, b.TolerationSeconds)
}

func operator(t corev1.Toleration) corev1.TolerationOperator {
	if t.Operator == "" {
		return corev1.TolerationOpEqual
	}
	return t.Operator
}

func sameSeconds(a, b *int64) bool { return a == b || a != nil && b != nil && *a == *b }

// withoutEmpty drops the parts of an affinity that a patch has emptied. The API
// server refuses required node affinity without terms; the other parts would
// only be noise.
func withoutEmpty(affinity *corev1.Affinity) *corev1.Affinity {
	if affinity == nil {
		return nil
	}
	full, node := copyAffinity(affinity)
	if required := node.RequiredDuringSchedulingIgnoredDuringExecution; required != nil && len(required.NodeSelectorTerms) == 0 {
		node.RequiredDuringSchedulingIgnoredDuringExecution = nil
	}
	if node.RequiredDuringSchedulingIgnoredDuringExecution == nil && len(node.PreferredDuringSchedulingIgnoredDuringExecution) == 0 {
		full.NodeAffinity = nil
	}
	if near := full.PodAffinity; near != nil && len(near.RequiredDuringSchedulingIgnoredDuringExecution)+len(near.PreferredDuringSchedulingIgnoredDuringExecution) == 0 {
		full.PodAffinity = nil
	}
	if apart := full.PodAntiAffinity; apart != nil && len(apart.RequiredDuringSchedulingIgnoredDuringExecution)+len(apart.PreferredDuringSchedulingIgnoredDuringExecution) == 0 {
		full.PodAntiAffinity = nil
	}
	if *full == (corev1.Affinity{}) {
		return nil
	}
	return full
}
