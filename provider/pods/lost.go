package pods

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/provider/translate"
)

// lostTo says what became of a downstream pod that is gone. Who deleted it may
// have left a word, as evictions do, which was mirrored while it was going.
func (w World) lostTo() string {
	const gone = "The downstream pod was deleted in the downstream cluster"
	target := translate.ConditionOf(w.Upstream.Status.Conditions, corev1.DisruptionTarget)
	if target == nil || target.Status != corev1.ConditionTrue {
		return gone
	}
	return fmt.Sprintf("%s (%s: %s)", gone, target.Reason, target.Message)
}

// disrupt marks a pod that was lost as disrupted, unless it is: nobody upstream
// wanted its end, and a Job's failure policy tells that from a failure of its own
// by this condition. That of downstream is not always seen, since a pod can be
// gone the moment after.
func disrupt(status *corev1.PodStatus, reason, message string, now metav1.Time) {
	disrupted := corev1.PodCondition{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: reason, Message: message, LastTransitionTime: now,
	}
	switch c := translate.ConditionOf(status.Conditions, corev1.DisruptionTarget); {
	case c == nil:
		status.Conditions = append(status.Conditions, disrupted)
	case c.Status != corev1.ConditionTrue:
		*c = disrupted
	}
}
