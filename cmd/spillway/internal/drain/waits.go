package drain

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"github.com/spillway-io/spillway/webhook/spread"
)

// waitsFor says whether a scheduler finds no node for a pod whose subset is that of the
// node, and of no other that is not cordoned.
func (w World) waitsFor(pod *corev1.Pod, s *Spreading) bool {
	match, matched := spread.MatchOf(pod)
	if _, waits := spread.UnschedulableOf(pod); !waits || !matched || s.Err != nil || match.Name != s.Object.Name {
		return false
	}
	nodes := w.cordoned()
	virtual, _ := spread.VirtualSubsets(s.Object, nodes)
	return spread.CordonedSubsets(s.Object, virtual, nodes)[match.Subset] && w.isIn(s, match.Subset)
}

// isIn says whether the node is one of a subset's.
func (w World) isIn(s *Spreading, name string) bool {
	for i := range s.Object.Spec.Subsets {
		subset := &s.Object.Spec.Subsets[i]
		if subset.Name != name || subset.RequiredNodeSelectorTerm == nil {
			continue
		}
		selector, err := nodeaffinity.NewNodeSelector(&corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{*subset.RequiredNodeSelectorTerm}})
		if err != nil {
			return false
		}
		for _, node := range w.Nodes {
			if node.Name == w.Node && selector.Match(node) {
				return true
			}
		}
	}
	return false
}
