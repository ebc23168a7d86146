package workloadspread

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/spread"
)

// podChanges lets through what can change a judgement: pods come and go, become
// inactive or ready, are bound, are told that there is no room for them, or change
// their subset or version.
func podChanges() predicate.Predicate {
	return predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool { return traitsOf(e.ObjectOld) != traitsOf(e.ObjectNew) },
	}
}

// traits are what judgements depend on, but for times and the words of
// schedulers, which change with the rest or do not matter.
type traits struct {
	uid                             string
	active, gated                   bool
	node, nominated, downstreamNode string
	scheduled, downstream           told
	begun, ready                    corev1.ConditionStatus
	match, version                  string
}

// told is a condition without its time and message.
type told struct {
	status corev1.ConditionStatus
	reason string
}

func traitsOf(object client.Object) traits {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return traits{}
	}
	t := traits{
		uid:            string(pod.UID),
		active:         spread.IsActive(pod),
		gated:          len(pod.Spec.SchedulingGates) > 0,
		node:           pod.Spec.NodeName,
		nominated:      pod.Status.NominatedNodeName,
		downstreamNode: pod.Annotations[api.DownstreamNodeAnnotation],
		match:          pod.Annotations[api.MatchedWorkloadSpreadAnnotation],
		version:        pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey],
	}
	for _, c := range pod.Status.Conditions {
		switch c.Type {
		case corev1.PodScheduled:
			t.scheduled = told{c.Status, c.Reason}
		case api.DownstreamScheduledCondition:
			t.downstream = told{c.Status, c.Reason}
		case corev1.PodInitialized:
			t.begun = c.Status
		case corev1.PodReady:
			t.ready = c.Status
		default:
		}
	}
	return t
}
