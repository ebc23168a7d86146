package mutate

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/spillway-io/spillway/webhook/spread"
)

// lostFields names the scheduling fields that constrain a pod less, or
// otherwise, after than before. What is said of virtual nodes as such is ours.
func lostFields(before, after corev1.PodSpec) []string {
	var names []string
	for key, value := range before.NodeSelector {
		if got, ok := after.NodeSelector[key]; !ok || got != value {
			names = append(names, "spec.nodeSelector")
			break
		}
	}
	if lostAffinity(before.Affinity, after.Affinity) {
		names = append(names, "spec.affinity")
	}
	if lostItems(before.TopologySpreadConstraints, after.TopologySpreadConstraints) {
		names = append(names, "spec.topologySpreadConstraints")
	}
	return names
}

func lostAffinity(before, after *corev1.Affinity) bool {
	if before == nil {
		return false
	}
	if after == nil {
		after = &corev1.Affinity{}
	}
	wanted := slices.DeleteFunc(requirements(before.NodeAffinity), func(r corev1.NodeSelectorRequirement) bool {
		return equality.Semantic.DeepEqual(r, spread.VirtualNodes())
	})
	return lostItems(wanted, requirements(after.NodeAffinity)) ||
		before.PodAffinity != nil && !equality.Semantic.DeepEqual(before.PodAffinity, after.PodAffinity) ||
		before.PodAntiAffinity != nil && !equality.Semantic.DeepEqual(before.PodAntiAffinity, after.PodAntiAffinity)
}

// requirements returns all that a node affinity says, whichever term says it.
func requirements(affinity *corev1.NodeAffinity) []corev1.NodeSelectorRequirement {
	if affinity == nil {
		return nil
	}
	var all []corev1.NodeSelectorRequirement
	add := func(term corev1.NodeSelectorTerm) { all = slices.Concat(all, term.MatchExpressions, term.MatchFields) }
	if required := affinity.RequiredDuringSchedulingIgnoredDuringExecution; required != nil {
		for _, term := range required.NodeSelectorTerms {
			add(term)
		}
	}
	for _, preferred := range affinity.PreferredDuringSchedulingIgnoredDuringExecution {
		add(preferred.Preference)
	}
	return all
}

func lostItems[T any](before, after []T) bool {
	return slices.ContainsFunc(before, func(item T) bool {
		return !slices.ContainsFunc(after, func(has T) bool { return equality.Semantic.DeepEqual(item, has) })
	})
}
