package pods

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/translate"
)

// TestLostIsADisruption: nobody upstream wanted the end of a pod that was lost,
// and its failure says so to Jobs, with the word that downstream left, if any.
func TestLostIsADisruption(t *testing.T) {
	now := metav1.Unix(3000, 0)
	evicted := corev1.PodCondition{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "EvictionByEvictionAPI", Message: "Eviction API: evicting", LastTransitionTime: metav1.Unix(2000, 0),
	}
	spared := evicted
	spared.Status = corev1.ConditionFalse
	const gone = "The downstream pod was deleted in the downstream cluster"
	unseen := corev1.PodCondition{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: ReasonLost, Message: gone, LastTransitionTime: now}
	cases := map[string]struct {
		reason  string
		before  []corev1.PodCondition
		want    corev1.PodCondition
		message string
	}{
		"evicted": {"what the eviction said, and was mirrored, stays", []corev1.PodCondition{evicted}, evicted, gone + " (EvictionByEvictionAPI: Eviction API: evicting)"},
		"unseen":  {"who deleted it left no word, or it was gone too soon to be read", nil, unseen, gone},
		"spared":  {"an eviction that was called off is not why it went", []corev1.PodCondition{spared}, unseen, gone},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			up := upstream(started, phase(corev1.PodRunning), func(p *corev1.Pod) { p.Status.Conditions = tc.before })
			got := Plan(World{Upstream: up, UpstreamLive: true, DownstreamLive: true, Now: now}, testNode()).Status
			if diff := cmp.Diff([]corev1.PodCondition{tc.want}, got.Conditions); diff != "" {
				t.Errorf("%s: conditions -want +got:\n%s", tc.reason, diff)
			}
			if got.Phase != corev1.PodFailed || got.Reason != ReasonLost || got.Message != tc.message {
				t.Errorf("%s: %s %s %q, want the message %q", tc.reason, got.Phase, got.Reason, got.Message, tc.message)
			}
		})
	}
}

// TestEvictedByKubelet: a downstream pod that its own kubelet evicts ends with a
// status, which is the upstream pod's, word for word.
func TestEvictedByKubelet(t *testing.T) {
	down := twin(started, bound, phase(corev1.PodFailed), func(p *corev1.Pod) {
		p.Status.Reason, p.Status.Message = "Evicted", "The node was low on resource: memory."
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "TerminationByKubelet"}}
	})
	up := upstream(started, phase(corev1.PodRunning))
	got := Plan(World{Upstream: up, Downstream: down}, testNode())
	if s := got.Status; s == nil || s.Phase != corev1.PodFailed || s.Reason != "Evicted" || s.Message != down.Status.Message ||
		translate.ConditionOf(s.Conditions, corev1.DisruptionTarget) == nil || got.Warning != nil {
		t.Fatalf("Plan() = %+v, want the status of the downstream pod", got)
	}
	up.Status = *got.Status
	for reason, then := range map[string]struct {
		world World
		row   Row
	}{
		"told once":               {World{Upstream: up, Downstream: down}, RowMirror},
		"its removal is no news":  {World{Upstream: up, UpstreamLive: true, DownstreamLive: true}, RowNothing},
		"nor is a foreign pod":    {World{Upstream: up, Downstream: foreign(), UpstreamLive: true, DownstreamLive: true}, RowNothing},
		"nor that it is deleting": {World{Upstream: up, Downstream: twin(started, bound, phase(corev1.PodFailed), deleting(0))}, RowNothing},
	} {
		if diff := cmp.Diff(plan{Row: then.row}, summary(Plan(then.world, testNode()))); diff != "" {
			t.Errorf("%s: -want +got:\n%s", reason, diff)
		}
	}
}

// unschedulable is what the downstream scheduler says after so many seconds.
func unschedulable(seconds int64, message string) option {
	return func(p *corev1.Pod) {
		p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: message,
			LastTransitionTime: metav1.Unix(seconds, 0),
		})
	}
}

// TestTooLarge: a pod for which all downstream nodes are too small says so before
// what the downstream scheduler says, with one event, until it has a node.
func TestTooLarge(t *testing.T) {
	const why, large = "requests cpu 64, but the largest usable downstream node has 8 (n1)", api.LargerThanAnyNodeReason
	const word = "The pod " + why
	now := time.Unix(3000, 0)
	up := upstream()
	steps := []struct {
		reason   string
		down     *corev1.Pod
		tooLarge string
		want     *corev1.PodCondition // its time in seconds is at
		at       int64
		warning  bool
	}{
		{"at once, whatever the scheduler does", twin(), why, &corev1.PodCondition{Reason: large, Message: word}, 3000, true},
		{"not again for what the scheduler adds", twin(unschedulable(3001, "0/1 nodes")), why, &corev1.PodCondition{Reason: large, Message: word + "; the downstream scheduler says: 0/1 nodes"}, 3000, false},
		{"a node that is large enough has joined", twin(unschedulable(3001, "0/2 nodes")), "", &corev1.PodCondition{Reason: corev1.PodReasonUnschedulable, Message: "0/2 nodes"}, 3001, false},
		{"and has gone", twin(unschedulable(3001, "0/1 nodes")), why, &corev1.PodCondition{Reason: large, Message: word + "; the downstream scheduler says: 0/1 nodes"}, 3001, true},
		{"it runs after all", twin(started, bound, phase(corev1.PodRunning)), "", nil, 0, false},
	}
	for _, step := range steps {
		action := Plan(World{Upstream: up, Downstream: step.down, UpstreamLive: true, TooLarge: step.tooLarge, Now: metav1.NewTime(now)}, testNode())
		if action.Status == nil {
			t.Fatalf("%s: Plan() = %+v, want a status", step.reason, action)
		}
		if step.want != nil {
			step.want.Type, step.want.Status, step.want.LastTransitionTime = "spillway.io/DownstreamScheduled", corev1.ConditionFalse, metav1.Unix(step.at, 0)
		}
		if diff := cmp.Diff(step.want, translate.ConditionOf(action.Status.Conditions, "spillway.io/DownstreamScheduled")); diff != "" {
			t.Errorf("%s: condition -want +got:\n%s", step.reason, diff)
		}
		if warned := action.Warning != nil && action.Warning.Reason == large && action.Warning.Note == word; warned != step.warning || !warned && action.Warning != nil {
			t.Errorf("%s: the event is %v, want one: %t", step.reason, action.Warning, step.warning)
		}
		up = up.DeepCopy()
		up.Status = *action.Status
		again := Plan(World{Upstream: up, Downstream: step.down, TooLarge: step.tooLarge, Now: metav1.NewTime(now.Add(time.Hour))}, testNode())
		if again.Status != nil || again.Warning != nil {
			t.Errorf("%s: later, Plan() = %+v, want nothing new", step.reason, again)
		}
	}
}
