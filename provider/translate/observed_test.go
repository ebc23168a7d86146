package translate_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/provider/translate"
)

func TestOnlyObserved(t *testing.T) {
	ready := func(status corev1.ConditionStatus, generation int64) []corev1.PodCondition {
		return []corev1.PodCondition{{Type: corev1.PodReady, Status: status, ObservedGeneration: generation}}
	}
	before := corev1.PodStatus{Phase: corev1.PodRunning, ObservedGeneration: 1, Conditions: ready(corev1.ConditionTrue, 1)}
	cases := map[string]struct {
		reason string
		after  corev1.PodStatus
		want   bool
	}{
		"deleted":   {"a deletion is a new generation", corev1.PodStatus{Phase: corev1.PodRunning, ObservedGeneration: 2, Conditions: ready(corev1.ConditionTrue, 2)}, true},
		"same":      {"nothing is no more than that", before, true},
		"not-ready": {"a condition is news", corev1.PodStatus{Phase: corev1.PodRunning, ObservedGeneration: 2, Conditions: ready(corev1.ConditionFalse, 2)}, false},
		"ended":     {"so is a phase", corev1.PodStatus{Phase: corev1.PodSucceeded, ObservedGeneration: 2, Conditions: ready(corev1.ConditionTrue, 2)}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := translate.OnlyObserved(&before, &tc.after); got != tc.want {
				t.Errorf("%s: OnlyObserved() = %t", tc.reason, got)
			}
			if before.Conditions[0].ObservedGeneration != 1 {
				t.Error("the status that was compared has changed")
			}
		})
	}
}
