package capacity_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/provider/capacity"
)

func declares(features ...string) nodeOption {
	return func(n *corev1.Node) { n.Status.DeclaredFeatures = features }
}

// TestFeatures: the upstream API server and scheduler let pods ask for what the
// Node declares, so it declares what every downstream node can do.
func TestFeatures(t *testing.T) {
	const (
		restart = "RestartAllContainersOnContainerExits"
		resize  = "InPlacePodVerticalScalingInitContainers"
	)
	cases := map[string]struct {
		reason string
		nodes  []corev1.Node
		want   []string
	}{
		"no-nodes": {reason: "Nothing is known."},
		"one":      {reason: "What a pod may ask for is passed on, in order.", nodes: []corev1.Node{node("a", "", declares(restart, resize))}, want: []string{resize, restart}},
		"kubelets-own": {
			reason: "The API server would speak to the virtual node as to a kubelet of the newest kind.",
			nodes:  []corev1.Node{node("a", "", declares("ExtendWebSocketsToKubelet", restart))}, want: []string{restart},
		},
		"unknown": {
			reason: "Its pods may have fields that are lost on the way.",
			nodes:  []corev1.Node{node("a", "", declares(resize, "SomethingNewer"))}, want: []string{resize},
		},
		"one-lacks-it": {
			reason: "A pod could land on either.",
			nodes:  []corev1.Node{node("a", "", declares(resize, restart)), node("b", "", declares(restart))}, want: []string{restart},
		},
		"unusable-nodes-do-not-count": {
			reason: "No pod lands on them.",
			nodes:  []corev1.Node{node("a", "", isCordoned), node("b", "", declares(restart))}, want: []string{restart},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			ours := func(*corev1.Pod) bool { return false }
			got := capacity.Survey(tc.nodes, nil, ours, capacity.Policy{}).Features
			if len(got) == 0 {
				got = nil
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\nFeatures: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
