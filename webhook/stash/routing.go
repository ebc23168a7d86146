package stash

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"github.com/spillway-io/spillway/api"
)

// RoutingKeys are the node labels that tell virtual nodes apart. Requirements
// on them are judged upstream and never travel.
type RoutingKeys []string

// DefaultRoutingKeys are the labels type, kubernetes.io/role and clusterID.
func DefaultRoutingKeys() RoutingKeys {
	return RoutingKeys{api.NodeTypeLabel, api.NodeRoleLabel, api.ClusterIDLabel}
}

func (k RoutingKeys) has(key string) bool { return slices.Contains(k, key) }

// splitTerm divides a node selector term into its requirements on routing keys
// and the others. Save cannot know the names of virtual nodes, so requirements on
// a name count among the others here.
func (k RoutingKeys) splitTerm(term corev1.NodeSelectorTerm) (kept, rest corev1.NodeSelectorTerm) {
	if !slices.ContainsFunc(term.MatchExpressions, func(r corev1.NodeSelectorRequirement) bool { return k.has(r.Key) }) {
		return corev1.NodeSelectorTerm{}, term
	}
	for _, r := range term.MatchExpressions {
		if k.has(r.Key) {
			kept.MatchExpressions = append(kept.MatchExpressions, r)
		} else {
			rest.MatchExpressions = append(rest.MatchExpressions, r)
		}
	}
	rest.MatchFields = term.MatchFields
	return kept, rest
}

// isEmpty says whether the term has no requirement at all. As a whole term it
// then selects no node; as the routing part of one it asks nothing.
func isEmpty(term corev1.NodeSelectorTerm) bool {
	return len(term.MatchExpressions) == 0 && len(term.MatchFields) == 0
}

// VirtualNode is what Recover must know about the virtual node that runs the
// pod.
type VirtualNode struct {
	// Name is the node's name.
	Name string
	// Labels are the node's labels; routing requirements are judged by them.
	Labels map[string]string
	// RoutingKeys must be those that the webhook uses.
	RoutingKeys RoutingKeys
}

// splitTerm divides a node selector term into its requirements on routing keys
// and the others, less those that are met because they name this virtual node:
// below it they would name a node that is not there.
func (n VirtualNode) splitTerm(term corev1.NodeSelectorTerm) (kept, rest corev1.NodeSelectorTerm) {
	kept, rest = n.RoutingKeys.splitTerm(term)
	rest.MatchExpressions = without(rest.MatchExpressions, n.isHostname)
	rest.MatchFields = without(rest.MatchFields, n.isName)
	return kept, rest
}

// isHostname says whether a requirement on labels asks for this virtual node.
func (n VirtualNode) isHostname(r corev1.NodeSelectorRequirement) bool {
	return r.Key == corev1.LabelHostname && n.isNamedBy(r)
}

// isName says whether a requirement on fields asks for this virtual node.
func (n VirtualNode) isName(r corev1.NodeSelectorRequirement) bool {
	return r.Key == metav1.ObjectNameField && n.isNamedBy(r)
}

func (n VirtualNode) isNamedBy(r corev1.NodeSelectorRequirement) bool {
	return r.Operator == corev1.NodeSelectorOpIn && slices.Contains(r.Values, n.Name)
}

// isMeant says whether a term speaks about virtual nodes, or about this one.
func (n VirtualNode) isMeant(term corev1.NodeSelectorTerm) bool {
	return slices.ContainsFunc(term.MatchExpressions, func(r corev1.NodeSelectorRequirement) bool { return n.RoutingKeys.has(r.Key) || n.isHostname(r) }) ||
		slices.ContainsFunc(term.MatchFields, n.isName)
}

// isMeantByAny says whether any term of the affinity does.
func (n VirtualNode) isMeantByAny(affinity *corev1.NodeAffinity) bool {
	return affinity != nil &&
		(n.isRequired(affinity.RequiredDuringSchedulingIgnoredDuringExecution) || n.isPreferred(affinity.PreferredDuringSchedulingIgnoredDuringExecution))
}

func (n VirtualNode) isRequired(required *corev1.NodeSelector) bool {
	return required != nil && slices.ContainsFunc(required.NodeSelectorTerms, n.isMeant)
}

func (n VirtualNode) isPreferred(preferred []corev1.PreferredSchedulingTerm) bool {
	return slices.ContainsFunc(preferred, func(p corev1.PreferredSchedulingTerm) bool { return n.isMeant(p.Preference) })
}

// without returns the requirements but some; nil when none is left.
func without(all []corev1.NodeSelectorRequirement, dropped func(corev1.NodeSelectorRequirement) bool) []corev1.NodeSelectorRequirement {
	if !slices.ContainsFunc(all, dropped) {
		return all
	}
	rest := slices.DeleteFunc(slices.Clone(all), dropped)
	if len(rest) == 0 {
		return nil
	}
	return rest
}

// matches judges the routing part of a term; an empty one asks nothing.
func (n VirtualNode) matches(kept corev1.NodeSelectorTerm) (bool, error) {
	if isEmpty(kept) {
		return true, nil
	}
	selector, err := nodeaffinity.NewNodeSelector(&corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{kept}})
	if err != nil {
		return false, fmt.Errorf("cannot read the node affinity's routing requirements: %w", err)
	}
	return selector.Match(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: n.Name, Labels: n.Labels}}), nil
}
