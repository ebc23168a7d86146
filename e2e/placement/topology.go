package placement

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// podAffinity judges required pod affinity: some pod it asks for is in the same
// domain, be it itself.
func podAffinity(pod Pod, all []Pod) []string {
	affinity := pod.Author.Spec.Affinity
	if affinity == nil || affinity.PodAffinity == nil {
		return nil
	}
	var violations []string
	for _, term := range affinity.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution {
		asked, err := askedFor(pod, term)
		if err != nil {
			violations = append(violations, err.Error())
			continue
		}
		near := func(other Pod) bool { return asked(other) && sameDomain(pod.Node, other.Node, term.TopologyKey) }
		if !slices.ContainsFunc(all, near) {
			violations = append(violations, fmt.Sprintf("no pod it must be near shares its %s", term.TopologyKey))
		}
	}
	return violations
}

// podAntiAffinity judges required pod anti-affinity: no pod it avoids is in the
// same domain.
func podAntiAffinity(pod Pod, all []Pod) []string {
	affinity := pod.Author.Spec.Affinity
	if affinity == nil || affinity.PodAntiAffinity == nil {
		return nil
	}
	var violations []string
	for _, term := range affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution {
		avoided, err := askedFor(pod, term)
		if err != nil {
			violations = append(violations, err.Error())
			continue
		}
		for _, other := range all {
			if other.Author != pod.Author && avoided(other) && sameDomain(pod.Node, other.Node, term.TopologyKey) {
				violations = append(violations, fmt.Sprintf("it shares its %s with %s, which it avoids", term.TopologyKey, other.Author.Name))
			}
		}
	}
	return violations
}

// askedFor returns whether a term of pod's is about another pod.
func askedFor(pod Pod, term corev1.PodAffinityTerm) (func(Pod) bool, error) {
	if term.NamespaceSelector != nil || len(term.MatchLabelKeys) > 0 || len(term.MismatchLabelKeys) > 0 {
		return nil, fmt.Errorf("cannot judge its pod (anti-)affinity: only labels and listed namespaces are understood")
	}
	selector, err := metav1.LabelSelectorAsSelector(term.LabelSelector)
	if err != nil {
		return nil, fmt.Errorf("cannot judge its pod (anti-)affinity: %w", err)
	}
	namespaces := term.Namespaces
	if len(namespaces) == 0 {
		namespaces = []string{pod.Author.Namespace}
	}
	return func(other Pod) bool {
		return slices.Contains(namespaces, other.Author.Namespace) && selector.Matches(labels.Set(other.Author.Labels))
	}, nil
}

func sameDomain(a, b *corev1.Node, key string) bool {
	value, found := a.Labels[key]
	other, otherFound := b.Labels[key]
	return found && otherFound && value == other
}

// topologySpread judges the spread constraints that forbid: among the domains
// the pod could have gone to, the fullest has at most maxSkew pods more than the
// emptiest.
func topologySpread(pod Pod, all []Pod, nodes []*corev1.Node) []string {
	var violations []string
	for _, constraint := range pod.Author.Spec.TopologySpreadConstraints {
		if constraint.WhenUnsatisfiable != corev1.DoNotSchedule {
			continue
		}
		if violation := skew(pod, constraint, all, nodes); violation != "" {
			violations = append(violations, violation)
		}
	}
	return violations
}

func skew(pod Pod, constraint corev1.TopologySpreadConstraint, all []Pod, nodes []*corev1.Node) string {
	if constraint.MinDomains != nil || len(constraint.MatchLabelKeys) > 0 {
		return "cannot judge its topology spread: minDomains and matchLabelKeys are not understood"
	}
	selector, err := metav1.LabelSelectorAsSelector(constraint.LabelSelector)
	if err != nil {
		return fmt.Sprintf("cannot judge its topology spread: %v", err)
	}
	perDomain := map[string]int{}
	for _, node := range nodes {
		if domain, found := node.Labels[constraint.TopologyKey]; found && eligible(pod.Author, node, constraint) {
			perDomain[domain] = 0
		}
	}
	for _, other := range all {
		domain := other.Node.Labels[constraint.TopologyKey]
		_, counted := perDomain[domain]
		if counted && other.Author.Namespace == pod.Author.Namespace && selector.Matches(labels.Set(other.Author.Labels)) {
			perDomain[domain]++
		}
	}
	least, most := extremes(perDomain)
	if most-least > int(constraint.MaxSkew) {
		return fmt.Sprintf("its %s are filled unevenly, by %d more than %d: %v", constraint.TopologyKey, most-least, constraint.MaxSkew, perDomain)
	}
	return ""
}

// eligible says whether a node counts for a spread constraint, by the policies
// written in it or else Kubernetes' defaults: honour node affinity, not taints.
func eligible(author *corev1.Pod, node *corev1.Node, constraint corev1.TopologySpreadConstraint) bool {
	there := Pod{Author: author, Node: node}
	ignoreAffinity := constraint.NodeAffinityPolicy != nil && *constraint.NodeAffinityPolicy == corev1.NodeInclusionPolicyIgnore
	honourTaints := constraint.NodeTaintsPolicy != nil && *constraint.NodeTaintsPolicy == corev1.NodeInclusionPolicyHonor
	return (ignoreAffinity || len(nodeAffinity(there)) == 0) && (!honourTaints || len(taints(there)) == 0)
}

func extremes(counts map[string]int) (least, most int) {
	first := true
	for _, n := range counts {
		if first {
			least, most, first = n, n, false
		}
		least, most = min(least, n), max(most, n)
	}
	return least, most
}
