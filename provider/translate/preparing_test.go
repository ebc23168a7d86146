package translate_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/translate"
)

func TestStillPreparing(t *testing.T) {
	waiting := func(reason string) []corev1.ContainerStatus {
		return []corev1.ContainerStatus{{Name: "app", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}}
	}
	creating := corev1.PodStatus{Phase: corev1.PodPending, HostIP: internalIP, ContainerStatuses: waiting("ContainerCreating"), Conditions: []corev1.PodCondition{
		condition(corev1.PodReadyToStartContainers, corev1.ConditionFalse, 1), condition(corev1.PodReady, corev1.ConditionFalse, 1),
	}}
	cases := map[string]struct {
		reason string
		change func(*corev1.PodStatus)
		want   bool
	}{
		"nothing": {"that is no news either", func(*corev1.PodStatus) {}, true},
		"sandbox": {"nobody waits for an address at which nothing answers", func(s *corev1.PodStatus) {
			s.Conditions[0].Status, s.PodIP, s.PodIPs = corev1.ConditionTrue, "192.0.2.1", []corev1.PodIP{{IP: "192.0.2.1"}}
		}, true},
		"running":    {"that is what everybody waits for", func(s *corev1.PodStatus) { s.Phase = corev1.PodRunning }, false},
		"pull-fails": {"that is why it does not run", func(s *corev1.PodStatus) { s.ContainerStatuses = waiting("ErrImagePull") }, false},
		"container-started": {"it must not be started again elsewhere", func(s *corev1.PodStatus) {
			s.ContainerStatuses[0].State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
		}, false},
		"unschedulable": {"that is why it does not run", func(s *corev1.PodStatus) {
			s.Conditions = append(s.Conditions, condition(api.DownstreamScheduledCondition, corev1.ConditionFalse, 2))
		}, false},
		"evicted":    {"somebody may act on it", func(s *corev1.PodStatus) { s.Reason = "Evicted" }, false},
		"generation": {"somebody waits for a change to be seen", func(s *corev1.PodStatus) { s.ObservedGeneration++ }, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			after := creating.DeepCopy()
			tc.change(after)
			if got := translate.StillPreparing(&creating, after); got != tc.want {
				t.Errorf("%s: StillPreparing() = %t", tc.reason, got)
			}
		})
	}
	t.Run("first-word", func(t *testing.T) {
		if translate.StillPreparing(&corev1.PodStatus{Phase: corev1.PodPending}, &creating) {
			t.Error("that a kubelet has the pod is not kept back")
		}
	})
}
