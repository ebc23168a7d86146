package spread

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"github.com/spillway-io/spillway/api"
)

// VirtualSubsets returns the names of those subsets of ws that mean virtual
// nodes, judged by all nodes of the cluster; their names and labels suffice:
//
//	annotation spillway.io/virtual-subsets     says it all, if it is there
//	the patch supplies a stash                 virtual
//	no term                                    not virtual: any node will do
//	the term itself requires virtual nodes     virtual
//	the term itself excludes virtual nodes     not virtual, also if there is no such node yet
//	the term matches no node                   virtual: one that is to come
//	the term matches virtual nodes only        virtual
//	the term matches others too, or only them  not virtual
//
// The warnings tell of a term that matches both kinds of nodes or cannot be
// read, and of a name in the annotation that no subset has. The answer stays the
// same until ws or the labels of a node change.
func VirtualSubsets(ws *v1alpha1.WorkloadSpread, nodes []*corev1.Node) (virtual map[string]bool, warnings []string) {
	if listed, ok := ws.Annotations[api.VirtualSubsetsAnnotation]; ok {
		return listedSubsets(ws, listed)
	}
	virtual = make(map[string]bool, len(ws.Spec.Subsets))
	for i := range ws.Spec.Subsets {
		subset := &ws.Spec.Subsets[i]
		isVirtual, warning := meansVirtual(subset, nodes)
		if isVirtual {
			virtual[subset.Name] = true
		}
		if warning != "" {
			warnings = append(warnings, fmt.Sprintf("WorkloadSpread %q, subset %q: spec.subsets[%d].requiredNodeSelectorTerm %s", nameOf(ws), subset.Name, i, warning))
		}
	}
	return virtual, warnings
}

func listedSubsets(ws *v1alpha1.WorkloadSpread, listed string) (virtual map[string]bool, warnings []string) {
	virtual = make(map[string]bool, len(ws.Spec.Subsets))
	for name := range strings.SplitSeq(listed, ",") {
		name = strings.TrimSpace(name)
		switch {
		case name == "":
		case indexOf(ws, name) >= 0:
			virtual[name] = true
		default:
			warnings = append(warnings, fmt.Sprintf("WorkloadSpread %q: annotation %s: there is no subset %q", nameOf(ws), api.VirtualSubsetsAnnotation, name))
		}
	}
	return virtual, warnings
}

// meansVirtual judges one subset; the warning goes on from the term's name.
func meansVirtual(subset *v1alpha1.WorkloadSpreadSubset, nodes []*corev1.Node) (virtual bool, warning string) {
	term := subset.RequiredNodeSelectorTerm
	switch {
	case SuppliesStash(subset):
		return true, ""
	case asksNothing(term):
		return false, ""
	case slices.ContainsFunc(term.MatchExpressions, func(r corev1.NodeSelectorRequirement) bool { return sameRequirement(r, VirtualNodes()) }):
		return true, ""
	case excludesVirtual(term):
		return false, ""
	}
	selector, err := nodeaffinity.NewNodeSelector(&corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{*term}})
	if err != nil {
		return false, fmt.Sprintf("cannot be read, so the subset is not taken for a virtual one: %v", err)
	}
	matching, others := 0, 0
	for _, node := range nodes {
		if !selector.Match(node) {
			continue
		}
		matching++
		if node.Labels[api.NodeTypeLabel] != api.NodeTypeVirtual {
			others++
		}
	}
	if others > 0 && others < matching {
		return false, fmt.Sprintf("matches %d virtual nodes and %d others, so the subset is not taken for a virtual one and its pods keep their constraints; annotation %s decides it",
			matching-others, others, api.VirtualSubsetsAnnotation)
	}
	return others == 0, ""
}

// excludesVirtual says whether no virtual node can match a term, by what it says
// of their label. A term that cannot be read says nothing.
func excludesVirtual(term *corev1.NodeSelectorTerm) bool {
	var ofType corev1.NodeSelectorTerm
	for _, r := range term.MatchExpressions {
		if r.Key == api.NodeTypeLabel {
			ofType.MatchExpressions = append(ofType.MatchExpressions, r)
		}
	}
	if ofType.MatchExpressions == nil {
		return false
	}
	selector, err := nodeaffinity.NewNodeSelector(&corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{ofType}})
	virtual := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{api.NodeTypeLabel: api.NodeTypeVirtual}}}
	return err == nil && !selector.Match(virtual)
}

// VirtualNodes returns the requirement that selects virtual nodes and no other.
func VirtualNodes() corev1.NodeSelectorRequirement {
	return corev1.NodeSelectorRequirement{Key: api.NodeTypeLabel, Operator: corev1.NodeSelectorOpIn, Values: []string{api.NodeTypeVirtual}}
}

// SuppliesStash says whether the subset's patch sets the annotation
// clusterSelector: its pods are stashed by the policy's author then. Patches
// that cannot be applied supply nothing.
func SuppliesStash(subset *v1alpha1.WorkloadSpreadSubset) bool {
	raw := subset.Patch.Raw
	if !bytes.Contains(raw, []byte(api.StashAnnotation)) && !bytes.ContainsRune(raw, '\\') {
		return false // Most patches; JSON can write the name in another way with a backslash only.
	}
	patch, err := decodePatch(raw)
	if err != nil {
		return false
	}
	pod := &corev1.Pod{}
	if _, err := patchMetadata(pod, patch["metadata"]); err != nil {
		return false
	}
	_, supplies := pod.Annotations[api.StashAnnotation]
	return supplies
}
