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
// and the others. Requirements on node fields are about one node by name, so
// they are never routing.
func (k RoutingKeys) splitTerm(term corev1.NodeSelectorTerm) (kept, rest corev1.NodeSelectorTerm) {
	if !k.inTerm(term) {
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

// inTerm says whether the term speaks about a routing key.
func (k RoutingKeys) inTerm(term corev1.NodeSelectorTerm) bool {
	return slices.ContainsFunc(term.MatchExpressions, func(r corev1.NodeSelectorRequirement) bool { return k.has(r.Key) })
}

// inAffinity says whether any term of the affinity speaks about a routing key.
func (k RoutingKeys) inAffinity(affinity *corev1.NodeAffinity) bool {
	if affinity == nil {
		return false
	}
	return k.inSelector(affinity.RequiredDuringSchedulingIgnoredDuringExecution) ||
		k.inPreferences(affinity.PreferredDuringSchedulingIgnoredDuringExecution)
}

func (k RoutingKeys) inSelector(required *corev1.NodeSelector) bool {
	return required != nil && slices.ContainsFunc(required.NodeSelectorTerms, k.inTerm)
}

func (k RoutingKeys) inPreferences(preferred []corev1.PreferredSchedulingTerm) bool {
	return slices.ContainsFunc(preferred, func(p corev1.PreferredSchedulingTerm) bool { return k.inTerm(p.Preference) })
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
