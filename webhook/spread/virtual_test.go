package spread_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/webhook/spread"
)

func TestVirtualSubsets(t *testing.T) {
	node := func(name string, labels map[string]string) *corev1.Node {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
	}
	nodes := []*corev1.Node{
		node("machine-1", map[string]string{"zone": "a"}),
		node("machine-2", map[string]string{"zone": "b"}),
		node("machine-3", nil),
		node("virtual-1", map[string]string{"zone": "v", "type": "virtual-kubelet"}),
		node("virtual-2", map[string]string{"zone": "b", "type": "virtual-kubelet"}),
	}
	cases := map[string]struct {
		reason   string
		subset   string
		override *string
		want     []string
		warnings []string
	}{
		"no-term":          {reason: "any node will do", subset: `{}`},
		"empty-term":       {reason: "the same as none", subset: `{requiredNodeSelectorTerm: {}}`},
		"machines":         {reason: "matches no virtual node", subset: `{requiredNodeSelectorTerm: {matchExpressions: [{key: zone, operator: In, values: [a]}]}}`},
		"virtual-nodes":    {reason: "matches virtual nodes only", subset: `{requiredNodeSelectorTerm: {matchExpressions: [{key: zone, operator: In, values: [v]}]}}`, want: []string{"s"}},
		"by-name":          {reason: "match fields count", subset: `{requiredNodeSelectorTerm: {matchFields: [{key: metadata.name, operator: In, values: [virtual-2]}]}}`, want: []string{"s"}},
		"nothing":          {reason: "the node is to come", subset: `{requiredNodeSelectorTerm: {matchExpressions: [{key: zone, operator: In, values: [w]}]}}`, want: []string{"s"}},
		"itself":           {reason: "the term says so", subset: `{requiredNodeSelectorTerm: {matchExpressions: [{key: zone, operator: Exists}, {key: type, operator: In, values: [virtual-kubelet]}]}}`, want: []string{"s"}},
		"type-among-other": {reason: "the term allows machines, but none has the label yet", subset: `{requiredNodeSelectorTerm: {matchExpressions: [{key: type, operator: In, values: [virtual-kubelet, machine]}]}}`, want: []string{"s"}},
		"excluded": {
			reason: "no virtual node has what it asks for, and no machine has it yet",
			subset: `{requiredNodeSelectorTerm: {matchExpressions: [{key: zone, operator: In, values: [w]}, {key: type, operator: NotIn, values: [virtual-kubelet]}]}}`,
		},
		"other-type": {
			reason: "nodes of another type are to come",
			subset: `{requiredNodeSelectorTerm: {matchExpressions: [{key: type, operator: In, values: [machine]}]}}`,
		},
		"no-type": {
			reason: "virtual nodes have a type",
			subset: `{requiredNodeSelectorTerm: {matchExpressions: [{key: zone, operator: In, values: [w]}, {key: type, operator: DoesNotExist}]}}`,
		},
		"mixed": {
			reason:   "both kinds of nodes",
			subset:   `{requiredNodeSelectorTerm: {matchExpressions: [{key: zone, operator: In, values: [b]}]}}`,
			warnings: []string{`"default/ws", subset "s": spec.subsets[0].requiredNodeSelectorTerm matches 1 virtual nodes and 1 others`},
		},
		"unreadable": {
			reason:   "nobody knows what it matches",
			subset:   `{requiredNodeSelectorTerm: {matchExpressions: [{key: zone, operator: in, values: [b]}]}}`,
			warnings: []string{`spec.subsets[0].requiredNodeSelectorTerm cannot be read`},
		},
		"stash":          {reason: "the patch supplies a stash", subset: `{patch: {metadata: {annotations: {clusterSelector: "{}"}}}}`, want: []string{"s"}},
		"stash-replaced": {reason: "among other annotations it replaces", subset: `{patch: {metadata: {annotations: {$patch: replace, clusterSelector: "{}"}}}}`, want: []string{"s"}},
		"stash-null":     {reason: "a patch that takes a stash away supplies none", subset: `{patch: {metadata: {annotations: {clusterSelector: null}}}}`},
		"stash-deleted":  {reason: "all annotations are deleted", subset: `{patch: {metadata: {annotations: {$patch: delete, clusterSelector: "{}"}}}}`},
		"stash-elsewhere": {
			reason: "a label of that name is no stash", subset: `{patch: {metadata: {labels: {clusterSelector: "x"}}}}`,
		},
		"bad-patch":      {reason: "a patch that cannot be applied supplies nothing", subset: `{patch: {metadata: {annotations: {clusterSelector: 1}}}}`},
		"listed":         {reason: "the annotation decides", subset: `{}`, override: new(" other , s,"), want: []string{"other", "s"}},
		"not-listed":     {reason: "against all appearances", subset: `{patch: {metadata: {annotations: {clusterSelector: "{}"}}}}`, override: new("")},
		"listed-unknown": {reason: "a typo", subset: `{}`, override: new("S"), warnings: []string{`annotation spillway.io/virtual-subsets: there is no subset "S"`}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			subset := fromYAML[v1alpha1.WorkloadSpreadSubset](t, tc.subset)
			subset.Name = "s"
			ws := &v1alpha1.WorkloadSpread{ObjectMeta: metav1.ObjectMeta{Name: "ws", Namespace: "default"}}
			ws.Spec.Subsets = []v1alpha1.WorkloadSpreadSubset{*subset, {Name: "other"}}
			if tc.override != nil {
				ws.Annotations = map[string]string{"spillway.io/virtual-subsets": *tc.override}
			}
			virtual, warnings := spread.VirtualSubsets(ws, nodes)
			if diff := cmp.Diff(tc.want, slices.Sorted(maps.Keys(virtual))); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if !slices.EqualFunc(warnings, tc.warnings, strings.Contains) {
				t.Errorf("%s: warnings %q, want %q", tc.reason, warnings, tc.warnings)
			}
		})
	}
}

// TestSuppliesStashByAnyName: JSON can spell a name in more than one way.
func TestSuppliesStashByAnyName(t *testing.T) {
	var subset v1alpha1.WorkloadSpreadSubset
	subset.Patch.Raw = []byte(`{"metadata":{"annotations":{"\u0063lusterSelector":"{}"}}}`)
	if !spread.SuppliesStash(&subset) {
		t.Error("the patch supplies a stash")
	}
}
