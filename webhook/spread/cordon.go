package spread

import (
	"slices"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"github.com/spillway-io/spillway/api"
)

// CordonedSubsets returns the names of those virtual subsets whose term matches
// nodes that are all cordoned (spec.unschedulable): nobody wants pods there now.
// Pods that are not numbered pass them over, as if they were not in the list, and
// come into one only if no other subset has room for them.
//
// Subsets of own machines are never among them: machines come and go by an
// autoscaler, and pods may wait for one. A subset that matches no node waits for
// one that is to come, and one without a term goes anywhere.
func CordonedSubsets(ws *v1alpha1.WorkloadSpread, virtual map[string]bool, nodes []*corev1.Node) map[string]bool {
	if len(virtual) == 0 || !slices.ContainsFunc(nodes, isCordonedVirtual) {
		return nil // Nearly always, and for little.
	}
	var cordoned map[string]bool
	for i := range ws.Spec.Subsets {
		subset := &ws.Spec.Subsets[i]
		if !virtual[subset.Name] || !allCordoned(subset.RequiredNodeSelectorTerm, nodes) {
			continue
		}
		if cordoned == nil {
			cordoned = map[string]bool{}
		}
		cordoned[subset.Name] = true
	}
	return cordoned
}

func isCordonedVirtual(node *corev1.Node) bool {
	return node.Spec.Unschedulable && node.Labels[api.NodeTypeLabel] == api.NodeTypeVirtual
}

// allCordoned says whether a term matches nodes, and only cordoned ones.
func allCordoned(term *corev1.NodeSelectorTerm, nodes []*corev1.Node) bool {
	if asksNothing(term) {
		return false
	}
	selector, err := nodeaffinity.NewNodeSelector(&corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{*term}})
	if err != nil {
		return false
	}
	matches := false
	for _, node := range nodes {
		if !selector.Match(node) {
			continue
		}
		if !node.Spec.Unschedulable {
			return false
		}
		matches = true
	}
	return matches
}

// cordons are the subsets that a pod passes over. A number says it all, whatever is
// cordoned: a numbered pod waits for its node, where its volumes may be.
func (l Ledger) cordons() map[string]bool {
	if len(l.Cordoned) == 0 || IsOrdinal(l.Spread, l.Target) {
		return nil
	}
	return l.Cordoned
}

// openness is that of the i-th subset.
func (v View) openness(i int) openness {
	return opennessOf(v.Spread, v.ledger().cordons(), i)
}
