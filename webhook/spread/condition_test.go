package spread_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/spread"
)

const (
	isTrue    = corev1.ConditionTrue
	isFalse   = corev1.ConditionFalse
	isUnknown = corev1.ConditionUnknown
)

// TestConditions goes through the state table of condition.go.
func TestConditions(t *testing.T) {
	type condition struct {
		status  corev1.ConditionStatus
		reason  string
		message string
		since   int
	}
	const words = "0/2 nodes are available"
	cases := map[string]struct {
		reason string
		view   spread.View
		want   condition
		wake   time.Time
		silent bool // no change to tell of
	}{
		"fixed": {
			reason: "a Fixed WorkloadSpread has no conditions",
			view:   viewOf("", schedulable("a", isFalse, -9), pods(podOf("p1", "a", unschedulable(-90)))),
			silent: true,
		},
		"no-critical-time": {
			reason: "Adaptive without a critical time is as good as Fixed",
			view:   viewOf("", adaptive(0), schedulable("a", isFalse, -9), pods(podOf("p1", "a", unschedulable(-90)))),
			silent: true,
		},
		"open": {
			reason: "a subset is open from the start, and so gives no pod more time for being new",
			view:   viewOf("", adaptive(30), pods(podOf("p1", "a"))),
			want:   condition{isTrue, "Sufficient", "", -oneHour},
		},
		"open-still": {
			reason: "a condition that does not change keeps its time and words",
			view:   viewOf("", adaptive(30), schedulable("a", isTrue, -9), pods(podOf("p1", "a"))),
			want:   condition{isTrue, "", "as before", -9},
			silent: true,
		},
		"open-waiting": {
			reason: "the controller looks again exactly when the pod's time is up",
			view:   viewOf("", adaptive(30), schedulable("a", isTrue, -90), pods(podOf("p1", "a", unschedulable(-29)))),
			want:   condition{isTrue, "", "as before", -90},
			wake:   at(1).Time,
			silent: true,
		},
		"close": {
			reason: "a pod that was unschedulable for so long closes its subset, with the scheduler's words",
			view:   viewOf("", adaptive(30), schedulable("a", isTrue, -90), pods(podOf("p1", "a"), podOf("p2", "a", unschedulable(-30)))),
			want:   condition{isFalse, "PodUnschedulable", words, 0},
		},
		"close-wiped": {
			reason: "a status that was wiped comes back",
			view:   viewOf("", adaptive(30), pods(podOf("p1", "a", unschedulable(-30)))),
			want:   condition{isFalse, "PodUnschedulable", words, 0},
		},
		"close-downstream": {
			reason: "the downstream scheduler's word counts the same",
			view:   viewOf("", adaptive(30), pods(podOf("p1", "a", unschedulableDownstream(-30)))),
			want:   condition{isFalse, "PodUnschedulable", "0/9 downstream nodes are available", 0},
		},
		"close-any-version": {
			reason: "W5: what one version found out holds for all",
			view:   viewOf("", adaptive(30), pods(podOf("p1", "a"), podOf("p2", "a", oldVersion, unschedulable(-30)))),
			want:   condition{isFalse, "PodUnschedulable", words, 0},
		},
		"condition-not-creation": {
			reason: "an old pod has its time from when the scheduler said so",
			view:   viewOf("", adaptive(30), pods(podOf("p1", "a", unschedulable(-1)))),
			want:   condition{isTrue, "Sufficient", "", -oneHour},
			wake:   at(29).Time,
		},
		"long-patience": {
			reason: "F23: a critical time of 15 minutes is honoured",
			view:   viewOf("", adaptive(900), pods(podOf("p1", "a", unschedulable(-899)))),
			want:   condition{isTrue, "Sufficient", "", -oneHour},
			wake:   at(1).Time,
		},
		"ungated": {
			reason: "time behind a scheduling gate does not count",
			view: viewOf("", adaptive(30), pods(podOf("p1", "a", unschedulable(-90))),
				func(v *spread.View) { v.Ungated = map[types.UID]time.Time{"uid-of-p1": at(-10).Time} }),
			want: condition{isTrue, "Sufficient", "", -oneHour},
			wake: at(20).Time,
		},
		"just-opened": {
			reason: "a subset that was opened again is given all of the time",
			view:   viewOf("", adaptive(30), schedulable("a", isTrue, -10), pods(podOf("p1", "a", unschedulable(-90)))),
			want:   condition{isTrue, "", "as before", -10},
			wake:   at(20).Time,
			silent: true,
		},
		"rest": {
			reason: "a closed subset stays closed for 5 minutes, whatever its pods do",
			view:   viewOf("", adaptive(30), schedulable("a", isFalse, -299), pods(podOf("p1", "a", scheduled("n1", -5)))),
			want:   condition{isFalse, "", "as before", -299},
			wake:   at(1).Time,
			silent: true,
		},
		"rest-longer": {
			reason: "and twice as long after a probe that failed",
			view: viewOf("", adaptive(30), schedulable("a", isFalse, -300),
				func(v *spread.View) { v.Closings = map[string]int{"a": 2} }),
			want:   condition{isFalse, "", "as before", -300},
			wake:   at(300).Time,
			silent: true,
		},
		"probe": {
			reason: "then one pod may try it",
			view:   viewOf("", adaptive(30), schedulable("a", isFalse, -300)),
			want:   condition{isUnknown, "Probing", "One pod at a time may try this subset again.", 0},
		},
		"wait": {
			reason: "pods that were scheduled before prove nothing",
			view:   viewOf("", adaptive(30), schedulable("a", isUnknown, -40), pods(podOf("p1", "a", scheduled("n1", -41)))),
			want:   condition{isUnknown, "", "as before", -40},
			silent: true,
		},
		"wait-for-the-probe": {
			reason: "the probe has its time",
			view:   viewOf("", adaptive(30), schedulable("a", isUnknown, -40), pods(podOf("p1", "a", unschedulable(-10)))),
			want:   condition{isUnknown, "", "as before", -40},
			wake:   at(20).Time,
			silent: true,
		},
		"recover": {
			reason: "a pod that was scheduled since then opens the subset",
			view:   viewOf("", adaptive(30), schedulable("a", isUnknown, -40), pods(podOf("p1", "a", scheduled("n1", -40)))),
			want:   condition{isTrue, "Sufficient", "A pod was scheduled.", 0},
		},
		"recover-half": {
			reason: "a pod on a virtual node is not scheduled before it is downstream",
			view:   viewOf("", adaptive(30), schedulable("a", isUnknown, -40), nodes(virtualNode()), pods(podOf("p1", "a", scheduled("east", -9)))),
			want:   condition{isUnknown, "", "as before", -40},
			silent: true,
		},
		"recover-refused": {
			reason: "nor while the downstream scheduler says no",
			view: viewOf("", adaptive(30), schedulable("a", isUnknown, -40),
				pods(podOf("p1", "a", scheduled("east", -9), unschedulableDownstream(-8)))),
			want:   condition{isUnknown, "", "as before", -40},
			wake:   at(22).Time,
			silent: true,
		},
		"recover-downstream": {
			reason: "and is when it has a node there",
			view: viewOf("", adaptive(30), schedulable("a", isUnknown, -40), nodes(virtualNode()),
				pods(podOf("p1", "a", scheduled("east", -9), annotated(api.DownstreamNodeAnnotation, "n9")))),
			want: condition{isTrue, "Sufficient", "A pod was scheduled.", 0},
		},
		"recover-left-over": {
			reason: "a pod that waited downstream all the time, and is scheduled now, is a probe too",
			view: viewOf("", adaptive(30), schedulable("a", isUnknown, -40), nodes(virtualNode()),
				pods(podOf("p1", "a", scheduled("east", -90), annotated(api.DownstreamNodeAnnotation, "n9"), initialized(-9)))),
			want: condition{isTrue, "Sufficient", "A pod was scheduled.", 0},
		},
		"fail": {
			reason: "a probe that is stuck closes the subset again",
			view:   viewOf("", adaptive(30), schedulable("a", isUnknown, -40), pods(podOf("p1", "a", unschedulable(-30)))),
			want:   condition{isFalse, "PodUnschedulable", words, 0},
		},
		"nobody-else": {
			reason: "pods of other subsets, finished ones and gated ones close nothing",
			view: viewOf("", adaptive(30), schedulable("a", isTrue, -90), pods(
				podOf("p1", "b", unschedulable(-90)), podOf("p2", "a", unschedulable(-90), deleted),
				podOf("p3", "gone", unschedulable(-90)),
				podOf("p4", "a", unschedulable(-90), func(pod *corev1.Pod) { pod.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "g"}} }))),
			want:   condition{isTrue, "", "as before", -90},
			silent: true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			report := tc.view.Report()
			var got condition
			for _, c := range report.Status.SubsetStatuses[0].Conditions {
				got = condition{c.Status, c.Reason, c.Message, int(c.LastTransitionTime.Sub(noon()).Seconds())}
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(condition{})); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if !tc.wake.Equal(report.Wake) {
				t.Errorf("%s: wakes at %v, want %v", tc.reason, report.Wake, tc.wake)
			}
			changes := 0
			for _, c := range report.Changes {
				if c.Subset == "a" {
					changes++
				}
			}
			if changed := changes > 0; changed == tc.silent {
				t.Errorf("%s: changes %v", tc.reason, report.Changes)
			}
		})
	}
}

func initialized(since int) podOption {
	return func(pod *corev1.Pod) {
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{
			Type: corev1.PodInitialized, Status: corev1.ConditionTrue, LastTransitionTime: at(since),
		})
	}
}

// TestLastSubsetIsNeverClosed: there is nowhere to go from it. One that becomes
// the last is opened.
func TestLastSubsetIsNeverClosed(t *testing.T) {
	v := viewOf("", adaptive(30), schedulable("b", isFalse, -9), pods(podOf("p1", "b", unschedulable(-90))))
	report := v.Report()
	if c := report.Status.SubsetStatuses[1].Conditions; len(c) != 1 || c[0].Status != isTrue {
		t.Errorf("the last subset: %v", c)
	}
	want := []spread.Change{{Subset: "a", To: isTrue}, {Subset: "b", From: isFalse, To: isTrue}}
	if diff := cmp.Diff(want, report.Changes); diff != "" {
		t.Errorf("changes: -want +got:\n%s", diff)
	}
}

// TestOtherConditionsStay: conditions of other types are not ours.
func TestOtherConditionsStay(t *testing.T) {
	v := viewOf("", schedulable("a", isFalse, -9))
	v.Spread.Status.SubsetStatuses[0].Conditions = append(v.Spread.Status.SubsetStatuses[0].Conditions,
		v1alpha1.WorkloadSpreadSubsetCondition{Type: "Audited", Status: isTrue})
	want := []v1alpha1.WorkloadSpreadSubsetCondition{{Type: "Audited", Status: isTrue}}
	if diff := cmp.Diff(want, v.Report().Status.SubsetStatuses[0].Conditions); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestBackoff(t *testing.T) {
	b := spread.Backoff{Base: 5 * time.Minute, Max: time.Hour}
	want := []time.Duration{5 * time.Minute, 5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 40 * time.Minute, time.Hour, time.Hour}
	var got []time.Duration
	for n := range want {
		got = append(got, b.After(n))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := b.After(1 << 30); got != time.Hour {
		t.Errorf("after very many closings: %v", got)
	}
}
