package spread_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/spread"
)

func TestUnschedulableOf(t *testing.T) {
	upstream := &spread.Unschedulable{Since: at(-90).Time, Message: "0/2 nodes are available"}
	downstream := &spread.Unschedulable{Since: at(-90).Time, Message: "0/9 downstream nodes are available", Downstream: true}
	has := func(change func(*corev1.Pod)) podOption { return change }
	status := func(s corev1.ContainerStatus) podOption {
		return func(pod *corev1.Pod) { pod.Status.ContainerStatuses = []corev1.ContainerStatus{s} }
	}
	cases := map[string]struct {
		reason string
		pod    *corev1.Pod
		want   *spread.Unschedulable
	}{
		"upstream":   {"the upstream scheduler's word, until the pod is bound", podOf("p", "a", unschedulable(-90)), upstream},
		"downstream": {"then the downstream scheduler's", podOf("p", "a", unschedulableDownstream(-90)), downstream},
		"too-large":  {"also where no downstream node could ever hold it", podOf("p", "a", largerThanAnyNode(-90)), downstream},
		"bound": {
			"a word from before the pod was bound is void",
			podOf("p", "a", unschedulable(-90), has(func(p *corev1.Pod) { p.Spec.NodeName = "n1" })), nil,
		},
		"unbound-downstream": {
			"a downstream word about a pod that is not bound is void",
			podOf("p", "a", unschedulableDownstream(-90), has(func(p *corev1.Pod) { p.Spec.NodeName = "" })), nil,
		},
		"gated": {
			"a gated pod waits for somebody else",
			podOf("p", "a", unschedulable(-90), has(func(p *corev1.Pod) { p.Status.Conditions[0].Reason = corev1.PodReasonSchedulingGated })), nil,
		},
		"gates": {
			"also while the condition lags behind",
			podOf("p", "a", unschedulable(-90), has(func(p *corev1.Pod) { p.Spec.SchedulingGates = []corev1.PodSchedulingGate{{}} })), nil,
		},
		"nominated": {
			"preemption under way is about to make room",
			podOf("p", "a", unschedulable(-90), has(func(p *corev1.Pod) { p.Status.NominatedNodeName = "n1" })), nil,
		},
		"deleted":  {"what goes need not be moved", podOf("p", "a", unschedulable(-90), deleted), nil},
		"finished": {"nor what has ended", podOf("p", "a", unschedulable(-90), inPhase(corev1.PodFailed)), nil},
		"running":  {"nor what runs", podOf("p", "a", unschedulableDownstream(-90), inPhase(corev1.PodRunning)), nil},
		"started": {
			"a container that has ever run is work that would be lost",
			podOf("p", "a", unschedulableDownstream(-90), status(corev1.ContainerStatus{RestartCount: 1})), nil,
		},
		"crashed": {
			"also if it has ended",
			podOf("p", "a", unschedulableDownstream(-90), status(corev1.ContainerStatus{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}})), nil,
		},
		"waiting": {
			"a container that waits has not run",
			podOf("p", "a", unschedulableDownstream(-90), status(corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{}}})), downstream,
		},
		"quiet": {"no word, no verdict", podOf("p", "a", has(func(p *corev1.Pod) { p.Spec.NodeName, p.Status = "", corev1.PodStatus{} })), nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got *spread.Unschedulable
			if word, ok := spread.UnschedulableOf(tc.pod); ok {
				got = &word
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestMoves(t *testing.T) {
	stuck := func(n int) viewOption {
		return func(v *spread.View) {
			for i := range n {
				pods(podOf(fmt.Sprintf("p%d", i+1), "a", unschedulable(-90-i)))(v)
			}
		}
	}
	third := subset("c", patch(""))
	cases := map[string]struct {
		reason string
		view   spread.View
		want   []string
		wake   time.Time
	}{
		"move": {
			reason: "the longest unschedulable first",
			view:   viewOf("", adaptive(30), schedulable("a", isFalse, -5), stuck(3)),
			want:   []string{"p3", "p2", "p1"},
		},
		"not-closed": {
			reason: "nobody leaves before the status says so: the webhook would send the successor back",
			view:   viewOf("", adaptive(30), schedulable("a", isTrue, -90), stuck(3)),
		},
		"not-closed-probing": {
			reason: "the probe stays where it is",
			view:   viewOf("", adaptive(30), schedulable("a", isUnknown, -90), stuck(1)),
		},
		"node-lost": {
			reason: "a pod that runs is not ready when its node is lost, and stays if that is what it asks for",
			view: viewOf("", adaptive(30), schedulable("a", isFalse, -60), pods(podOf("p1", "a", func(pod *corev1.Pod) {
				pod.Status.Conditions[1] = corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: at(-50)}
			}))),
		},
		"not-settled": {
			reason: "nor before every webhook can know",
			view:   viewOf("", adaptive(30), schedulable("a", isFalse, -1), stuck(3)),
			wake:   at(1).Time,
		},
		"not-yet": {
			reason: "each pod has its own time",
			view: viewOf("", adaptive(30), schedulable("a", isFalse, -60),
				pods(podOf("p1", "a", unschedulable(-29)), podOf("p2", "a", unschedulable(-30)))),
			want: []string{"p2"},
			wake: at(1).Time,
		},
		"ungated": {
			reason: "which begins when its gates are gone",
			view: viewOf("", adaptive(30), schedulable("a", isFalse, -60), pods(podOf("p1", "a", unschedulable(-90))),
				func(v *spread.View) { v.Ungated = map[types.UID]time.Time{"uid-of-p1": at(-10).Time} }),
			wake: at(20).Time,
		},
		"fixed": {
			reason: "a condition left over from Adaptive moves nobody",
			view:   viewOf("", schedulable("a", isFalse, -60), stuck(1)),
		},
		"last": {
			reason: "from the last subset there is nowhere to go",
			view:   viewOf("", adaptive(30), schedulable("b", isFalse, -60), pods(podOf("p1", "b", unschedulable(-90)))),
		},
		"downstream": {
			reason: "a full downstream cluster is left the same way",
			view:   viewOf("", adaptive(30), schedulable("a", isFalse, -5), pods(podOf("p1", "a", unschedulableDownstream(-90)), podOf("p2", "a"))),
			want:   []string{"p1"},
		},
		"room": {
			reason: "a capped subset takes as many as fit",
			view:   viewOf("", adaptive(30), most("b", "2"), schedulable("a", isFalse, -5), stuck(3), pods(podOf("q1", "b"))),
			want:   []string{"p3"},
		},
		"room-reserved": {
			reason: "a slot reserved for a pod nobody has seen is taken",
			view:   viewOf("", adaptive(30), most("b", "1"), reserved("v1", "b", "u1", -1), schedulable("a", isFalse, -5), stuck(3)),
		},
		"room-owed": {
			reason: "pods that are wanted and not yet created come first",
			view:   viewOf("", adaptive(30), most("b", "2"), schedulable("a", isFalse, -5), stuck(3)),
			want:   []string{"p3"},
		},
		"room-per-version": {
			reason: "each version has its own slots",
			view: viewOf("", adaptive(30), most("b", "1"), schedulable("a", isFalse, -5),
				pods(podOf("p1", "a", unschedulable(-90)), podOf("p2", "a", unschedulable(-91), oldVersion), podOf("q1", "b"), podOf("r1", "none"))),
			want: []string{"p2"},
		},
		"room-elsewhere": {
			reason: "an earlier subset that has room again is as good",
			view: viewOf("2", adaptive(30), third, most("c", "0"), schedulable("b", isFalse, -5),
				pods(podOf("p1", "b", unschedulable(-90)), podOf("p2", "b", unschedulable(-91)), podOf("q1", "a"), podOf("r1", "none"))),
			want: []string{"p2"},
		},
		"room-closed": {
			reason: "closed and probed subsets take nobody in",
			view: viewOf("", adaptive(30), third, most("c", "0"), schedulable("a", isFalse, -5), schedulable("b", isUnknown, -5),
				stuck(4)),
		},
		"room-unknown": {
			reason: "where nobody knows the cap, nobody is sent",
			view: viewOf("", adaptive(30), most("b", "50%"), schedulable("a", isFalse, -5), stuck(1),
				func(v *spread.View) { v.Target.Replicas = nil }),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			moves, wake := tc.view.Moves()
			var got []string
			for _, m := range moves {
				got = append(got, m.Pod.Name)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if !tc.wake.Equal(wake) {
				t.Errorf("%s: wakes at %v, want %v", tc.reason, wake, tc.wake)
			}
		})
	}
}

// TestConfirms: W9. What happened between the cache and the deletion saves the
// pod.
func TestConfirms(t *testing.T) {
	v := viewOf("", adaptive(30), schedulable("a", isFalse, -5), pods(podOf("p", "a", unschedulable(-90))))
	moves, _ := v.Moves()
	if len(moves) != 1 {
		t.Fatalf("moves: %v", moves)
	}
	cases := map[string]struct {
		live *corev1.Pod
		want bool
	}{
		"unchanged":         {podOf("p", "a", unschedulable(-90)), true},
		"bound":             {podOf("p", "a"), false},
		"bound-to-virtual":  {podOf("p", "a", unschedulableDownstream(-90)), false},
		"nominated":         {podOf("p", "a", unschedulable(-90), func(p *corev1.Pod) { p.Status.NominatedNodeName = "n1" }), false},
		"deleted":           {podOf("p", "a", unschedulable(-90), deleted), false},
		"another-of-a-name": {podOf("p", "a", unschedulable(-90), func(p *corev1.Pod) { p.UID = "new" }), false},
		"another-subset":    {podOf("p", "b", unschedulable(-90)), false},
		"another-spread":    {podOf("p", "a", unschedulable(-90), annotated(api.MatchedWorkloadSpreadAnnotation, `{"name":"x","subset":"a"}`)), false},
		"again-since":       {podOf("p", "a", unschedulable(-29)), false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, got := v.Confirms(moves[0], tc.live); got != tc.want {
				t.Errorf("confirmed %t, want %t", got, tc.want)
			}
		})
	}
}
