package mutate

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
)

// place sends a pod that no workload spread targets to the virtual nodes: it
// tolerates their taint and requires their type. What is there already is not
// added again.
func place(pod *corev1.Pod) *corev1.Pod {
	placed := *pod
	placed.Spec.Tolerations = tolerateProvider(pod.Spec.Tolerations)
	if pod.Spec.NodeSelector[api.NodeTypeLabel] != api.NodeTypeVirtual {
		placed.Spec.Affinity = requireVirtualNode(pod.Spec.Affinity)
	}
	return &placed
}

// tolerateProvider adds the toleration of the virtual nodes' taint, unless a
// toleration covers it already.
func tolerateProvider(tolerations []corev1.Toleration) []corev1.Toleration {
	if slices.ContainsFunc(tolerations, toleratesProvider) {
		return tolerations
	}
	return append(slices.Clip(tolerations), corev1.Toleration{
		Key:      api.ProviderTaintKey,
		Operator: corev1.TolerationOpEqual,
		Value:    api.ProviderTaintValue,
		Effect:   corev1.TaintEffectNoSchedule,
	})
}

// toleratesProvider follows the rules of Toleration.ToleratesTaint, which wants
// a logger.
func toleratesProvider(t corev1.Toleration) bool {
	if t.Effect != "" && t.Effect != corev1.TaintEffectNoSchedule {
		return false
	}
	if t.Key != "" && t.Key != api.ProviderTaintKey {
		return false
	}
	return t.Operator == corev1.TolerationOpExists || (t.Operator == "" || t.Operator == corev1.TolerationOpEqual) && t.Value == api.ProviderTaintValue
}

// requireVirtualNode puts the requirement into every alternative of the
// required node affinity. An alternative without any requirement selects no
// node; it must not begin to select virtual ones.
func requireVirtualNode(affinity *corev1.Affinity) *corev1.Affinity {
	var required corev1.Affinity
	if affinity != nil {
		required = *affinity
	}
	var node corev1.NodeAffinity
	if required.NodeAffinity != nil {
		node = *required.NodeAffinity
	}
	virtual := corev1.NodeSelectorRequirement{Key: api.NodeTypeLabel, Operator: corev1.NodeSelectorOpIn, Values: []string{api.NodeTypeVirtual}}
	isVirtual := func(r corev1.NodeSelectorRequirement) bool {
		return r.Key == virtual.Key && r.Operator == virtual.Operator && slices.Equal(r.Values, virtual.Values)
	}
	terms := []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{virtual}}}
	if alternatives := node.RequiredDuringSchedulingIgnoredDuringExecution; alternatives != nil {
		terms = slices.Clone(alternatives.NodeSelectorTerms)
		for i, term := range terms {
			selectsNothing := len(term.MatchExpressions)+len(term.MatchFields) == 0
			if !selectsNothing && !slices.ContainsFunc(term.MatchExpressions, isVirtual) {
				terms[i].MatchExpressions = append(slices.Clip(term.MatchExpressions), virtual)
			}
		}
	}
	node.RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{NodeSelectorTerms: terms}
	required.NodeAffinity = &node
	return &required
}
