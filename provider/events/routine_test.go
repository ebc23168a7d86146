package events

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestRoutine(t *testing.T) {
	cases := map[string]struct {
		reason string
		event  corev1.Event
		want   bool
	}{
		"scheduled":  {"the status has the node", corev1.Event{Type: "Normal", Reason: "Scheduled"}, true},
		"started":    {"and which containers run", corev1.Event{Type: "Normal", Reason: "Started"}, true},
		"killing":    {"no status says why a container is stopped", corev1.Event{Type: "Normal", Reason: "Killing"}, false},
		"scaling-up": {"somebody waits for a pod that waits for a node", corev1.Event{Type: "Normal", Reason: "TriggeredScaleUp"}, false},
		"failed":     {"warnings are never needless", corev1.Event{Type: "Warning", Reason: "Started"}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := routine(&tc.event); got != tc.want {
				t.Errorf("%s: routine() = %t", tc.reason, got)
			}
		})
	}
}

func TestUnderWay(t *testing.T) {
	ready := func(status corev1.ConditionStatus) []corev1.PodCondition {
		return []corev1.PodCondition{{Type: corev1.PodReady, Status: status}}
	}
	cases := map[string]struct {
		status corev1.PodStatus
		want   bool
	}{
		"new":       {corev1.PodStatus{Phase: corev1.PodPending}, false},
		"not-ready": {corev1.PodStatus{Phase: corev1.PodRunning, Conditions: ready(corev1.ConditionFalse)}, false},
		"ready":     {corev1.PodStatus{Phase: corev1.PodRunning, Conditions: ready(corev1.ConditionTrue)}, true},
		"ended":     {corev1.PodStatus{Phase: corev1.PodSucceeded, Conditions: ready(corev1.ConditionFalse)}, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := underWay(&corev1.Pod{Status: tc.status}); got != tc.want {
				t.Errorf("underWay() = %t", got)
			}
		})
	}
}
