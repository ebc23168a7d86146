package capacity_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/provider/capacity"
)

func TestAgreed(t *testing.T) {
	arch := func(value string) nodeOption { return label("kubernetes.io/arch", value) }
	zone := func(value string) nodeOption { return label("topology.kubernetes.io/zone", value) }
	cases := map[string]struct {
		reason string
		nodes  []corev1.Node
		want   map[string]string
	}{
		"no-nodes": {reason: "Nothing is known."},
		"all-five": {
			reason: "These labels say something about every pod; others are the nodes' own business.",
			nodes: []corev1.Node{node("a", "", arch("arm64"), zone("z1"), label("kubernetes.io/os", "linux"), label("topology.kubernetes.io/region", "r"),
				label("node.kubernetes.io/instance-type", "large"), label("disktype", "ssd"))},
			want: map[string]string{
				"kubernetes.io/arch": "arm64", "kubernetes.io/os": "linux", "topology.kubernetes.io/zone": "z1",
				"topology.kubernetes.io/region": "r", "node.kubernetes.io/instance-type": "large",
			},
		},
		"disagree": {
			reason: "A pod could land on either, so neither is true.",
			nodes:  []corev1.Node{node("a", "", arch("arm64"), zone("z1")), node("b", "", arch("arm64"), zone("z2")), node("c", "", arch("arm64"), zone("z1"))},
			want:   map[string]string{"kubernetes.io/arch": "arm64"},
		},
		"one-does-not-say": {
			reason: "Of the node without the label nothing is known.",
			nodes:  []corev1.Node{node("a", ""), node("b", "", zone("z1")), node("c", "", zone("z1"))},
			want:   map[string]string{},
		},
		"unusable-nodes-do-not-count": {
			reason: "No pod lands on them, wherever they stand in the list.",
			nodes:  []corev1.Node{node("a", "", zone("z1"), isCordoned), node("b", "", zone("z2")), node("c", "", zone("z3"), isCordoned)},
			want:   map[string]string{"topology.kubernetes.io/zone": "z2"},
		},
		"none-usable": {
			reason: "For the time of an outage of all nodes the labels stay.",
			nodes:  []corev1.Node{node("a", "", zone("z1"), isCordoned), node("b", "", zone("z1"), ready(corev1.ConditionUnknown))},
			want:   map[string]string{"topology.kubernetes.io/zone": "z1"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, capacity.Agreed(tc.nodes, capacity.Policy{})); diff != "" {
				t.Errorf("%s\nAgreed(): -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
