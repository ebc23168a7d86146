package translate

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// lostExitCode is what a kubelet reports for a container whose end it did not
// see: 128 + SIGKILL.
const lostExitCode = 137

// Lost returns the status of an upstream pod that ends as Failed because its
// downstream pod will not run, or is gone without its end having been seen.
// Containers that had not ended are reported the way a kubelet reports those it
// lost sight of. now is the time of the change.
func Lost(upstream *corev1.Pod, reason, message string, now metav1.Time) corev1.PodStatus {
	status := *upstream.Status.DeepCopy()
	status.Phase = corev1.PodFailed
	status.Reason = reason
	status.Message = message
	for _, statuses := range [][]corev1.ContainerStatus{status.InitContainerStatuses, status.ContainerStatuses, status.EphemeralContainerStatuses} {
		for i := range statuses {
			endUnseen(&statuses[i], now)
		}
	}
	for i := range status.Conditions {
		c := &status.Conditions[i]
		if (c.Type == corev1.PodReady || c.Type == corev1.ContainersReady) && c.Status != corev1.ConditionFalse {
			c.Status, c.Reason, c.LastTransitionTime = corev1.ConditionFalse, "PodFailed", now
		}
	}
	return status
}

func endUnseen(s *corev1.ContainerStatus, now metav1.Time) {
	if s.State.Terminated != nil {
		return
	}
	wasRunning := s.State.Running
	s.State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode:    lostExitCode,
		Reason:      "ContainerStatusUnknown",
		Message:     "The downstream pod was gone before the end of this container was seen",
		ContainerID: s.ContainerID,
		FinishedAt:  now,
	}}
	if wasRunning != nil {
		s.State.Terminated.StartedAt = wasRunning.StartedAt
	}
	s.Ready = false
	s.Started = new(false)
}

// Waiting returns the status of an upstream pod that stays Pending because
// something must be put right first.
func Waiting(upstream *corev1.Pod, reason, message string) corev1.PodStatus {
	status := *upstream.Status.DeepCopy()
	status.Phase = corev1.PodPending
	status.Reason = reason
	status.Message = message
	return status
}
