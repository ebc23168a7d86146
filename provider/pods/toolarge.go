package pods

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/translate"
)

// tellTooLarge makes the status of a pod for which every downstream node is too
// small say so, in the place of the downstream scheduler's word, which is put
// behind: that one lists why each node does not do at present. The event is for
// the first time. Once the pod has a node there is nothing to say any more.
func (w World) tellTooLarge(status *corev1.PodStatus) *Warning {
	if w.TooLarge == "" {
		return nil
	}
	told := corev1.PodCondition{
		Type: api.DownstreamScheduledCondition, Status: corev1.ConditionFalse, Reason: api.LargerThanAnyNodeReason,
		Message: "The pod " + w.TooLarge, LastTransitionTime: w.Now,
	}
	warning := &Warning{Reason: told.Reason, Note: told.Message}
	scheduler := translate.ConditionOf(status.Conditions, api.DownstreamScheduledCondition)
	if scheduler != nil {
		told.LastTransitionTime, told.ObservedGeneration = scheduler.LastTransitionTime, scheduler.ObservedGeneration
		if scheduler.Message != "" {
			told.Message += "; the downstream scheduler says: " + scheduler.Message
		}
	}
	if before := translate.ConditionOf(w.Upstream.Status.Conditions, api.DownstreamScheduledCondition); before != nil && before.Status == told.Status {
		told.LastTransitionTime = before.LastTransitionTime
		if before.Reason == told.Reason {
			warning = nil
		}
	}
	if scheduler != nil {
		*scheduler = told
	} else {
		status.Conditions = append(status.Conditions, told)
	}
	return warning
}
