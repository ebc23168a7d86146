package events

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/provider/translate"
)

// routinePatience is how long an event of a pod's start waits to become needless.
// Who looks that early at a pod sees that it is being created.
const routinePatience = 10 * time.Second

// routine says whether an event is one of those that every start of a pod has, if
// all goes well: they tell something only about a pod that does not get on.
func routine(event *corev1.Event) bool {
	return event.Type == corev1.EventTypeNormal && slices.Contains([]string{
		"Scheduled",              // by the scheduler
		"SuccessfulAttachVolume", // by the controller that attaches volumes
		"Pulling", "Pulled", "Created", "Started",
	}, event.Reason)
}

// underWay says whether the downstream pod runs well, or has ended: its status, and
// the annotation that names its node, say then what its routine events do.
func underWay(downstream *corev1.Pod) bool {
	ready := translate.ConditionOf(downstream.Status.Conditions, corev1.PodReady)
	return translate.Finished(downstream) || (ready != nil && ready.Status == corev1.ConditionTrue)
}
