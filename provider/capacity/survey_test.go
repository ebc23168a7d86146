package capacity_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/provider/capacity"
)

func TestSurveyFree(t *testing.T) {
	batch := []corev1.Toleration{{Key: "dedicated", Value: "batch"}}
	cases := map[string]struct {
		reason string
		nodes  []corev1.Node
		pods   []corev1.Pod
		policy capacity.Policy
		want   string
	}{
		"no-nodes": {
			reason: "Without downstream nodes there is nothing to offer, and it is said.",
			want:   "cpu=0 memory=0 pods=0",
		},
		"foreign-pods-count": {
			reason: "What others requested is not ours to offer, and every pod takes one of the node's pods.",
			nodes:  []corev1.Node{node("a", "cpu=4 memory=8Gi")},
			pods:   []corev1.Pod{pod("a", "cpu=1500m memory=1Gi")},
			want:   "cpu=2500m memory=7Gi pods=9",
		},
		"own-pods-do-not-count": {
			reason: "The upstream scheduler subtracts our pods itself.",
			nodes:  []corev1.Node{node("a", "cpu=4 memory=8Gi")},
			pods:   []corev1.Pod{pod("a", "cpu=1 memory=1Gi", own)},
			want:   "cpu=4 memory=8Gi pods=10",
		},
		"ended-pods-do-not-count": {
			reason: "A pod that ended holds nothing.",
			nodes:  []corev1.Node{node("a", "cpu=4 memory=8Gi")},
			pods:   []corev1.Pod{pod("a", "cpu=1", phase(corev1.PodSucceeded)), pod("a", "cpu=1", phase(corev1.PodFailed))},
			want:   "cpu=4 memory=8Gi pods=10",
		},
		"pods-without-a-node": {
			reason: "A pod that waits for a node, or whose node is gone, holds nothing.",
			nodes:  []corev1.Node{node("a", "cpu=4 memory=8Gi")},
			pods:   []corev1.Pod{pod("", "cpu=1"), pod("gone", "cpu=1")},
			want:   "cpu=4 memory=8Gi pods=10",
		},
		"a-resize-counts-the-larger": {
			reason: "Until the node has followed, it holds what it granted, and what is asked for is promised.",
			nodes:  []corev1.Node{node("a", "cpu=8 memory=8Gi")},
			pods:   []corev1.Pod{pod("a", "cpu=1", resizing("cpu=3")), pod("a", "cpu=2", resizing("cpu=1"))},
			want:   "cpu=3 memory=8Gi pods=8",
		},
		"overcommitted-node-takes-nothing-from-others": {
			reason: "The debt of one node cannot be paid by another.",
			nodes:  []corev1.Node{node("a", "cpu=1 memory=1Gi"), node("b", "cpu=2 memory=2Gi")},
			pods:   []corev1.Pod{pod("a", "cpu=3 memory=512Mi")},
			want:   "cpu=2 memory=2560Mi pods=19",
		},
		"unusable-nodes": {
			reason: "Nodes that take no pods offer nothing, whatever they have; that they have it is known.",
			nodes: []corev1.Node{
				node("a", "cpu=1 memory=1Gi", isCordoned), node("b", "cpu=1 memory=1Gi nvidia.com/gpu=8", ready(corev1.ConditionFalse)),
			},
			want: "cpu=0 memory=0 pods=0 nvidia.com/gpu=0",
		},
		"extended-resources": {
			reason: "Whatever nodes offer is summed, by its own name.",
			nodes: []corev1.Node{
				node("a", "cpu=1 memory=1Gi nvidia.com/gpu=2 hugepages-2Mi=64Mi ephemeral-storage=10Gi"),
				node("b", "cpu=1 memory=1Gi nvidia.com/gpu=1 ephemeral-storage=10Gi"),
			},
			pods: []corev1.Pod{pod("a", "nvidia.com/gpu=2 ephemeral-storage=1Gi"), pod("b", "example.com/other=1")},
			want: "cpu=2 memory=2Gi pods=18 nvidia.com/gpu=1 hugepages-2Mi=64Mi ephemeral-storage=19Gi",
		},
		"tainted": {
			reason: "Nobody tolerates the taint, so nobody's pods can go there.",
			nodes:  []corev1.Node{node("a", "cpu=1 memory=1Gi"), node("b", "cpu=1 memory=1Gi", taint("dedicated", "batch", "NoSchedule"))},
			want:   "cpu=1 memory=1Gi pods=10",
		},
		"tainted-and-tolerated": {
			reason: "A taint that our pods tolerate keeps nothing from us.",
			nodes:  []corev1.Node{node("a", "cpu=1 memory=1Gi"), node("b", "cpu=1 memory=1Gi", taint("dedicated", "batch", "NoSchedule"))},
			policy: capacity.Policy{Tolerated: batch},
			want:   "cpu=2 memory=2Gi pods=20",
		},
		"reserve": {
			reason: "What is reserved is not offered, and more than there is cannot be held back.",
			nodes:  []corev1.Node{node("a", "cpu=4 memory=8Gi"), node("b", "cpu=4 memory=8Gi")},
			pods:   []corev1.Pod{pod("a", "cpu=1")},
			policy: capacity.Policy{Reserve: list("cpu=500m memory=1Ti nvidia.com/gpu=1")},
			want:   "cpu=6500m memory=0 pods=19",
		},
		"limit": {
			reason: "A limit caps what there is more of, and invents nothing.",
			nodes:  []corev1.Node{node("a", "cpu=4 memory=8Gi")},
			policy: capacity.Policy{Limit: list("cpu=3 memory=100Gi nvidia.com/gpu=2")},
			want:   "cpu=3 memory=8Gi pods=10",
		},
		"reserve-before-limit": {
			reason: "The limit is about what is offered, not about what is there.",
			nodes:  []corev1.Node{node("a", "cpu=4 memory=8Gi")},
			policy: capacity.Policy{Reserve: list("cpu=2 memory=5Gi"), Limit: list("cpu=3 memory=2Gi")},
			want:   "cpu=2 memory=2Gi pods=10",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := capacity.Survey(tc.nodes, tc.pods, isOwn, tc.policy)
			if diff := cmp.Diff(written(tc.want), plain(got.Free)); diff != "" {
				t.Errorf("%s\nFree: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestSurveyLargest(t *testing.T) {
	cases := map[string]struct {
		reason string
		nodes  []corev1.Node
		pods   []corev1.Pod
		policy capacity.Policy
		want   string
	}{
		"no-nodes": {reason: "No pod fits where there is no node."},
		"one-node-not-the-sum": {
			reason: "A pod runs on one node; what the others have is of no use to it.",
			nodes:  []corev1.Node{node("a", "cpu=4 memory=8Gi"), node("b", "cpu=4 memory=8Gi")},
			pods:   []corev1.Pod{pod("b", "cpu=1")},
			want:   "cpu=4 memory=8Gi",
		},
		"true-as-a-whole": {
			reason: "Most CPU and most memory of two nodes would be a pod that fits nowhere.",
			nodes:  []corev1.Node{node("a", "cpu=8 memory=4Gi"), node("b", "cpu=4 memory=64Gi")},
			want:   "cpu=8 memory=4Gi",
		},
		"then-memory": {
			reason: "Of nodes with as much CPU, that with the most memory.",
			nodes:  []corev1.Node{node("a", "cpu=4 memory=4Gi"), node("b", "cpu=4 memory=64Gi"), node("c", "cpu=4 memory=8Gi")},
			want:   "cpu=4 memory=64Gi",
		},
		"then-the-others": {
			reason: "Of nodes with as much of both, that with a resource more.",
			nodes:  []corev1.Node{node("a", "cpu=4 memory=4Gi"), node("b", "cpu=4 memory=4Gi nvidia.com/gpu=1"), node("c", "cpu=4 memory=4Gi")},
			want:   "cpu=4 memory=4Gi nvidia.com/gpu=1",
		},
		"own-pods-count": {
			reason: "Nobody upstream knows on which node our pods are.",
			nodes:  []corev1.Node{node("a", "cpu=4 memory=8Gi"), node("b", "cpu=4 memory=8Gi")},
			pods:   []corev1.Pod{pod("a", "cpu=3", own), pod("b", "cpu=2", own)},
			want:   "cpu=2 memory=8Gi",
		},
		"ended-pods-do-not-count": {
			reason: "A pod that ended holds nothing, ours or not.",
			nodes:  []corev1.Node{node("a", "cpu=4 memory=8Gi")},
			pods:   []corev1.Pod{pod("a", "cpu=3", own, phase(corev1.PodSucceeded)), pod("a", "cpu=2", phase(corev1.PodFailed))},
			want:   "cpu=4 memory=8Gi",
		},
		"no-pod-left": {
			reason: "A node that may have no further pod has no room, however empty it is.",
			nodes:  []corev1.Node{node("a", "cpu=64 memory=64Gi pods=1"), node("b", "cpu=1 memory=1Gi")},
			pods:   []corev1.Pod{pod("a", "cpu=1m")},
			want:   "cpu=1 memory=1Gi",
		},
		"overcommitted": {
			reason: "Less than nothing is nothing.",
			nodes:  []corev1.Node{node("a", "cpu=1 memory=8Gi")},
			pods:   []corev1.Pod{pod("a", "cpu=3")},
			want:   "cpu=0 memory=8Gi",
		},
		"unusable": {
			reason: "The largest node is of no use while it takes no pods.",
			nodes:  []corev1.Node{node("a", "cpu=64 memory=64Gi", isCordoned), node("b", "cpu=1 memory=1Gi")},
			want:   "cpu=1 memory=1Gi",
		},
		"within-the-offer": {
			reason: "The upstream scheduler would not let a larger one through.",
			nodes:  []corev1.Node{node("a", "cpu=8 memory=8Gi")},
			policy: capacity.Policy{Reserve: list("cpu=2"), Limit: list("memory=1Gi")},
			want:   "cpu=6 memory=1Gi",
		},
		"within-what-ours-have-left": {
			reason: "Our pods use up the offer wherever they are, also while they wait for a node.",
			nodes:  []corev1.Node{node("a", "cpu=8 memory=8Gi"), node("b", "cpu=8 memory=8Gi", isCordoned)},
			pods:   []corev1.Pod{pod("b", "cpu=2", own), pod("", "memory=7Gi", own)},
			want:   "cpu=6 memory=1Gi",
		},
		"offer-without-pods": {
			reason: "The limit is on the number of pods, and it is reached.",
			nodes:  []corev1.Node{node("a", "cpu=8 memory=8Gi")},
			pods:   []corev1.Pod{pod("a", "cpu=2", own)},
			policy: capacity.Policy{Limit: list("pods=1")},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := capacity.Survey(tc.nodes, tc.pods, isOwn, tc.policy).Largest
			if got == nil {
				t.Error("the largest pod is not known")
			}
			if diff := cmp.Diff(written(tc.want), plain(got)); diff != "" {
				t.Errorf("%s\nLargest: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestSurveyChangesNothing: the nodes and pods are those of a cache.
func TestSurveyChangesNothing(t *testing.T) {
	nodes := []corev1.Node{node("a", "cpu=8 memory=8Gi")}
	pods := []corev1.Pod{pod("a", "cpu=2 memory=1Gi", own), pod("a", "cpu=1 memory=1Gi")}
	policy := capacity.Policy{Reserve: list("cpu=1"), Limit: list("cpu=4 memory=4Gi")}
	same := func() string {
		return cmp.Diff([]any{[]corev1.Node{node("a", "cpu=8 memory=8Gi")}, list("cpu=4 memory=4Gi")}, []any{nodes, policy.Limit})
	}
	offer := capacity.Survey(nodes, pods, isOwn, policy)
	for name := range offer.Free {
		quantity := offer.Free[name]
		quantity.Add(quantity)
		offer.Free[name] = quantity
	}
	if diff := same(); diff != "" {
		t.Errorf("-before +after:\n%s", diff)
	}
}

func TestSurveyUnusable(t *testing.T) {
	cases := map[string]struct {
		nodes []corev1.Node
		want  string
	}{
		"no-nodes":   {want: "the downstream cluster has no nodes"},
		"one-usable": {nodes: []corev1.Node{node("a", "", isCordoned), node("b", "")}},
		"none-usable": {
			nodes: []corev1.Node{
				node("a", "", isCordoned), node("b", "", ready(corev1.ConditionFalse), isCordoned), node("c", "", isDeleted),
				node("d", "", taint("k", "", corev1.TaintEffectNoExecute)), node("e", "", ready(corev1.ConditionUnknown)),
			},
			want: "no downstream node takes pods: 2 not ready, 1 cordoned, 1 tainted, 1 being deleted",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := capacity.Survey(tc.nodes, nil, isOwn, capacity.Policy{}).Unusable; got != tc.want {
				t.Errorf("Unusable %q, want %q", got, tc.want)
			}
		})
	}
}
