package webhook

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

// people are a population.
type people struct {
	pods  []*corev1.Pod
	nodes []*corev1.Node
	err   error
}

func (p people) OptedIn(context.Context) ([]*corev1.Pod, []*corev1.Node, error) {
	return p.pods, p.nodes, p.err
}

func TestCensus(t *testing.T) {
	pod := func(node string, phase corev1.PodPhase) *corev1.Pod {
		return &corev1.Pod{Spec: corev1.PodSpec{NodeName: node}, Status: corev1.PodStatus{Phase: phase}}
	}
	nodes := []*corev1.Node{
		{ObjectMeta: metav1.ObjectMeta{Name: "own-1"}},
		{ObjectMeta: metav1.ObjectMeta{Name: "east", Labels: map[string]string{api.NodeTypeLabel: api.NodeTypeVirtual}}},
	}
	const header = "# HELP spillway_pods Pods that opted in and have not ended, by where they are: on own nodes, on virtual ones, or unscheduled.\n# TYPE spillway_pods gauge\n"
	cases := map[string]struct {
		reason string
		people people
		want   string
	}{
		"not-filled": {"0 would be a lie", people{}, ""},
		"failed":     {"so would the figures of last time", people{nodes: nodes, err: errors.New("no")}, ""},
		"empty": {
			"nobody has opted in",
			people{nodes: nodes},
			header + `spillway_pods{place="own"} 0
spillway_pods{place="unscheduled"} 0
spillway_pods{place="virtual"} 0
`,
		},
		"everywhere": {
			"those that ended are nowhere, whatever node they have; a pod on a node that is gone was on an own one",
			people{nodes: nodes, pods: []*corev1.Pod{
				pod("own-1", corev1.PodRunning), pod("gone", corev1.PodRunning), pod("east", corev1.PodRunning),
				pod("east", corev1.PodPending), pod("east", corev1.PodRunning), pod("", corev1.PodPending),
				pod("east", corev1.PodSucceeded), pod("own-1", corev1.PodFailed),
			}},
			header + `spillway_pods{place="own"} 2
spillway_pods{place="unscheduled"} 1
spillway_pods{place="virtual"} 3
`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			registry.MustRegister(newCensus(tc.people))
			if err := testutil.GatherAndCompare(registry, strings.NewReader(tc.want), "spillway_pods"); err != nil {
				t.Errorf("%s: %v", tc.reason, err)
			}
		})
	}
}
