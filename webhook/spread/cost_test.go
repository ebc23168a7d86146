package spread_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/webhook/spread"
)

func TestCosts(t *testing.T) {
	third := subset("c", patch(""))
	cases := map[string]struct {
		reason string
		view   spread.View
		want   map[string]string
	}{
		"order": {
			reason: "of three subsets 300, 200, 100, and pods of none go first: -400",
			view:   viewOf("", third, pods(podOf("p1", "a"), podOf("p2", "b"), podOf("p3", "c"), podOf("p4", "gone"), podOf("p5", ""))),
			want:   map[string]string{"p1": "300", "p2": "200", "p3": "100", "p4": "-400", "p5": "-400"},
		},
		"surplus": {
			reason: "what a subset has beyond its cap goes before everything that is kept: -100 in the first, -200 in the second",
			view: viewOf("1", third, most("b", "0"), pods(
				podOf("p1", "a"), podOf("p2", "a", unschedulable(-9)), podOf("p3", "b"), podOf("p4", "c"))),
			want: map[string]string{"p1": "300", "p2": "-100", "p3": "-200", "p4": "100"},
		},
		"old-version": {
			reason: "F19: old versions turn the subsets round, so that a rollout makes room in the first",
			view:   viewOf("", third, pods(podOf("p1", "a", oldVersion), podOf("p2", "b", oldVersion), podOf("p3", "c", oldVersion), podOf("p4", "a"))),
			want:   map[string]string{"p1": "100", "p2": "200", "p3": "300", "p4": "300"},
		},
		"old-version-surplus": {
			reason: "the surplus of an old version is turned round too, and counted apart from the new one's",
			view:   viewOf("1", pods(podOf("p1", "a", oldVersion), podOf("p2", "a", oldVersion, inPhase(corev1.PodPending)), podOf("p3", "a"))),
			want:   map[string]string{"p1": "100", "p2": "-200", "p3": "200"},
		},
		"percent": {
			reason: "50% of 4 keeps two",
			view:   viewOf("50%", pods(podOf("p1", "a"), podOf("p2", "a"), podOf("p3", "a"))),
			want:   map[string]string{"p1": "-100", "p2": "200", "p3": "200"},
		},
		"unchanged": {
			reason: "only pods whose cost changes are written",
			view:   viewOf("", pods(podOf("p1", "a", annotated(corev1.PodDeletionCost, "200")), podOf("p2", "b", annotated(corev1.PodDeletionCost, "200")))),
			want:   map[string]string{"p2": "100"},
		},
		"inactive": {
			reason: "pods on their way out are left alone",
			view:   viewOf("", pods(podOf("p1", "a", deleted), podOf("p2", "a", inPhase(corev1.PodSucceeded)))),
		},
		"clone-set": {
			reason: "a CloneSet's pods are all of one version",
			view: viewOf("", target("apps.kruise.io/v1alpha1", "CloneSet"), pods(podOf("p1", "a"), podOf("p2", "b", oldVersion)),
				func(v *spread.View) { v.Target.Version = spread.VersionIgnored }),
			want: map[string]string{"p1": "200", "p2": "100"},
		},
		"replica-set": {
			reason: "a ReplicaSet reads deletion costs",
			view:   viewOf("", target("apps/v1", "ReplicaSet"), pods(podOf("p1", "a"))),
			want:   map[string]string{"p1": "200"},
		},
		"stateful-set": {
			reason: "scale-in by ordinal does not ask for costs",
			view:   viewOf("", target("apps/v1", "StatefulSet"), pods(podOf("p1", "a"))),
		},
		"job": {
			reason: "a Job does not read costs",
			view:   viewOf("", target("batch/v1", "Job"), pods(podOf("p1", "a"))),
		},
		"unknown-version": {
			reason: "which order is the right one must be known",
			view:   viewOf("", pods(podOf("p1", "a")), func(v *spread.View) { v.Target = spread.Target{} }),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got map[string]string
			for _, cost := range tc.view.Costs() {
				if got == nil {
					got = map[string]string{}
				}
				got[cost.Pod.Name] = cost.Value
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestSurplusOrder: of two pods the one that Kubernetes would delete first is
// the surplus, in whatever order they are known.
func TestSurplusOrder(t *testing.T) {
	restarted := func(pod *corev1.Pod) { pod.Status.ContainerStatuses = []corev1.ContainerStatus{{RestartCount: 3}} }
	notReady := func(pod *corev1.Pod) { pod.Status.Conditions[1].Status = corev1.ConditionFalse }
	readyAt := func(seconds int) podOption {
		return func(pod *corev1.Pod) { pod.Status.Conditions[1].LastTransitionTime = at(seconds) }
	}
	createdAt := func(seconds int) podOption { return func(pod *corev1.Pod) { pod.CreationTimestamp = at(seconds) } }
	unbound := func(pod *corev1.Pod) { pod.Spec.NodeName = "" }
	cases := map[string]struct{ first, second *corev1.Pod }{
		"unbound-before-bound":        {podOf("z", "a", unbound), podOf("y", "a", inPhase(corev1.PodPending))},
		"pending-before-unknown":      {podOf("z", "a", inPhase(corev1.PodPending)), podOf("y", "a", inPhase(corev1.PodUnknown), notReady)},
		"unknown-before-running":      {podOf("z", "a", inPhase(corev1.PodUnknown)), podOf("y", "a", notReady)},
		"not-ready-before-ready":      {podOf("z", "a", notReady), podOf("y", "a", restarted)},
		"ready-later-before-earlier":  {podOf("z", "a", readyAt(-5)), podOf("y", "a", readyAt(-6), restarted)},
		"more-restarts-before-fewer":  {podOf("z", "a", restarted), podOf("y", "a", createdAt(-1))},
		"younger-before-older":        {podOf("z", "a", createdAt(-5)), podOf("y", "a", createdAt(-6))},
		"equals-by-name-and-not-luck": {podOf("x", "a"), podOf("y", "a")},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for _, order := range [][]*corev1.Pod{{tc.first, tc.second}, {tc.second, tc.first}} {
				var surplus []string
				for _, cost := range viewOf("1", pods(order...)).Costs() {
					if cost.Value == "-100" {
						surplus = append(surplus, cost.Pod.Name)
					}
				}
				if diff := cmp.Diff([]string{tc.first.Name}, surplus); diff != "" {
					t.Errorf("surplus: -want +got:\n%s", diff)
				}
			}
		})
	}
}
