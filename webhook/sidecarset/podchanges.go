package sidecarset

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/spillway-io/spillway/api"
)

// podChanges lets through what can change a judgement on pods that have sidecars:
// they come and go, become ready, change labels or records, are bound, and their
// containers are replaced.
func podChanges() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return len(bySet(e.Object)) > 0 },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return (len(bySet(e.ObjectOld)) > 0 || len(bySet(e.ObjectNew)) > 0) && differ(e.ObjectOld, e.ObjectNew)
		},
		DeleteFunc: func(e event.DeleteEvent) bool { return len(bySet(e.Object)) > 0 },
	}
}

func differ(before, after client.Object) bool {
	a, isPod := before.(*corev1.Pod)
	b, arePods := after.(*corev1.Pod)
	if !isPod || !arePods {
		return false
	}
	return traitsOf(a) != traitsOf(b) || !maps.Equal(a.Labels, b.Labels) ||
		!slices.Equal(containersOf(a), containersOf(b))
}

// traits are what judgements depend on beside labels and containers.
type traits struct {
	uid, node              string
	phase                  corev1.PodPhase
	terminating            bool
	ready                  corev1.ConditionStatus
	hash, without, list    string
	state, upgradable      string
	generation, observedBy int64
}

func traitsOf(pod *corev1.Pod) traits {
	t := traits{
		uid:         string(pod.UID),
		node:        pod.Spec.NodeName,
		phase:       pod.Status.Phase,
		terminating: pod.DeletionTimestamp != nil,
		hash:        pod.Annotations[api.SidecarSetHashAnnotation],
		without:     pod.Annotations[api.SidecarSetHashWithoutImageAnnotation],
		list:        pod.Annotations[api.SidecarSetListAnnotation],
		state:       pod.Annotations[api.SidecarSetUpdateStateAnnotation],
		generation:  pod.Generation,
		observedBy:  pod.Status.ObservedGeneration,
	}
	for i := range pod.Status.Conditions {
		switch c := &pod.Status.Conditions[i]; c.Type {
		case corev1.PodReady:
			t.ready = c.Status
		case api.SidecarSetUpgradableCondition:
			t.upgradable = string(c.Status) + c.Message
		default:
		}
	}
	return t
}

// instance is a container as a node reports it, but for what it does.
type instance struct{ name, image, imageID, containerID string }

func containersOf(pod *corev1.Pod) []instance {
	all := make([]instance, 0, len(pod.Status.InitContainerStatuses)+len(pod.Status.ContainerStatuses))
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range statuses {
			s := &statuses[i]
			all = append(all, instance{s.Name, s.Image, s.ImageID, s.ContainerID})
		}
	}
	return all
}
