package capacity_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/provider/capacity"
)

func TestTooLarge(t *testing.T) {
	metal := node("metal", "cpu=8 memory=16Gi")
	spare := node("spare", "cpu=4 memory=64Gi")
	tolerating := func(p *corev1.Pod) {
		p.Spec.Tolerations = []corev1.Toleration{{Key: "dedicated", Operator: corev1.TolerationOpExists}}
	}
	cases := map[string]struct {
		reason string
		pod    corev1.Pod
		nodes  []corev1.Node
		policy capacity.Policy
		want   string
	}{
		"fits": {
			reason: "It fits exactly.",
			pod:    pod("", "cpu=8 memory=16Gi"), nodes: []corev1.Node{spare, metal},
		},
		"requests-nothing": {
			reason: "What asks for nothing, or for none of something, fits.",
			pod:    pod("", "nvidia.com/gpu=0"), nodes: []corev1.Node{metal},
		},
		"nothing-known": {
			reason: "Nothing is known about the size of nodes that are not there.",
			pod:    pod("", "cpu=64"),
		},
		"no-node-usable": {
			reason: "Nor about those that will be there when this is over.",
			pod:    pod("", "cpu=64"), nodes: []corev1.Node{node("a", "cpu=8", isCordoned), node("b", "cpu=8", ready(corev1.ConditionUnknown))},
		},
		"cpu": {
			reason: "The resource, and how much the largest node has.",
			pod:    pod("", "cpu=64 memory=1Gi"), nodes: []corev1.Node{spare, metal},
			want: "requests cpu 64, but the largest usable downstream node has 8 (metal)",
		},
		"memory": {
			reason: "The largest node is another one for each resource.",
			pod:    pod("", "cpu=1 memory=65Gi"), nodes: []corev1.Node{spare, metal},
			want: "requests memory 65Gi, but the largest usable downstream node has 64Gi (spare)",
		},
		"cpu-and-memory": {
			reason: "Whoever mends one has to know of the other.",
			pod:    pod("", "cpu=64 memory=65Gi"), nodes: []corev1.Node{spare, metal},
			want: "requests cpu 64, but the largest usable downstream node has 8 (metal); " +
				"requests memory 65Gi, but the largest usable downstream node has 64Gi (spare)",
		},
		"together": {
			reason: "Each alone would fit somewhere.",
			pod:    pod("", "cpu=8 memory=64Gi"), nodes: []corev1.Node{spare, metal},
			want: "requests cpu 8, memory 64Gi, but no usable downstream node has all of it; the largest has cpu 8, memory 16Gi (metal)",
		},
		"no-such-resource": {
			reason: "Other words where there is none at all.",
			pod:    pod("", "nvidia.com/gpu=1"), nodes: []corev1.Node{spare, metal},
			want: "requests nvidia.com/gpu 1, but no usable downstream node has any",
		},
		"all-containers-count": {
			reason: "A pod is what its containers request together, and what it costs to run.",
			pod: pod("", "cpu=5", func(p *corev1.Pod) {
				p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Resources: corev1.ResourceRequirements{Requests: list("cpu=3")}})
				p.Spec.Overhead = list("cpu=100m")
			}),
			nodes: []corev1.Node{metal},
			want:  "requests cpu 8100m, but the largest usable downstream node has 8 (metal)",
		},
		"unusable-nodes-do-not-count": {
			reason: "The larger node takes no pods.",
			pod:    pod("", "cpu=16"), nodes: []corev1.Node{metal, node("huge", "cpu=64", isCordoned)},
			want: "requests cpu 16, but the largest usable downstream node has 8 (metal)",
		},
		"tainted": {
			reason: "The pod may not go to the larger node.",
			pod:    pod("", "cpu=16"), nodes: []corev1.Node{metal, node("huge", "cpu=64", taint("dedicated", "batch", "NoSchedule"))},
			want: "requests cpu 16, but the largest usable downstream node has 8 (metal)",
		},
		"tolerated-by-policy": {
			reason: "Our pods may go there.",
			pod:    pod("", "cpu=16"), nodes: []corev1.Node{metal, node("huge", "cpu=64", taint("dedicated", "batch", "NoSchedule"))},
			policy: capacity.Policy{Tolerated: []corev1.Toleration{{Key: "dedicated", Operator: corev1.TolerationOpExists}}},
		},
		"tolerated-by-the-pod": {
			reason: "This pod may go there.",
			pod:    pod("", "cpu=16", tolerating), nodes: []corev1.Node{metal, node("huge", "cpu=64", taint("dedicated", "batch", "NoSchedule"))},
		},
		"reserve-and-limit-are-about-the-sum": {
			reason: "They say nothing about nodes.",
			pod:    pod("", "cpu=8"), nodes: []corev1.Node{metal}, policy: capacity.Policy{Reserve: list("cpu=4"), Limit: list("cpu=2")},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, tooLarge := capacity.TooLarge(&tc.pod, tc.nodes, tc.policy)
			if got != tc.want || tooLarge != (tc.want != "") {
				t.Errorf("%s\nTooLarge() = %q, %t; want %q", tc.reason, got, tooLarge, tc.want)
			}
		})
	}
}
