package invariants

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// WorkloadLabel on a pod names the workload that Released speaks of.
const WorkloadLabel = "invariants.spillway.io/workload"

// TakesAway is told of an upstream pod that the scenario deletes, before it does.
func (l *Ledger) TakesAway(uid types.UID) { l.takenAway[uid] = true }

// Releases is told of a workload that is scaled in, rolled out or deleted, before it
// is: from then on its controller may delete its pods.
func (l *Ledger) Releases(workload string) { l.released[workload] = true }

// judgeLived: an upstream pod fails for no reason, and goes for one only.
func (l *Ledger) judgeLived(up *upstreamPod, at time.Time) {
	what := ""
	switch {
	case l.expected(up.Pod):
		return
	case up.Status.Phase == corev1.PodFailed:
		what = fmt.Sprintf("failed: %s %s", up.Status.Reason, up.Status.Message)
	case up.gone:
		what = "vanished"
	case up.DeletionTimestamp != nil:
		what = "was deleted"
	default:
		return
	}
	if cause := disruption(up.Pod); cause != "" {
		what += ", disrupted: " + cause
	}
	l.violate(Violation{Lived, []string{describe(l.scope.Upstream, up.Pod)}, what, at}, string(up.UID))
}

// expected says whether the scenario ends the pod. Controllers that scale in, or made
// one too many, do not disrupt; evictions and the garbage collector say that they do.
// A pod that is being deleted may end in any phase.
func (l *Ledger) expected(pod *corev1.Pod) bool {
	byController := (l.released[pod.Labels[WorkloadLabel]] || l.paired(pod)) && disruption(pod) == ""
	return (l.takenAway[pod.UID] || byController) && (pod.DeletionTimestamp != nil || pod.Status.Phase != corev1.PodFailed)
}

// disruption is why somebody other than its owner ended a pod, or empty.
func disruption(pod *corev1.Pod) string {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.DisruptionTarget && condition.Status == corev1.ConditionTrue {
			return condition.Reason + ": " + condition.Message
		}
	}
	return ""
}
