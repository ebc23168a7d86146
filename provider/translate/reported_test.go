package translate_test

import (
	"reflect"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/randfill"

	"github.com/spillway-io/spillway/api"
)

// reportOn is a downstream pod that says something of all containers, mounts and
// volumes of the upstream pod, and of nothing else.
func reportOn(upstream *corev1.Pod) *corev1.Pod {
	filler := newFiller(int64(len(upstream.UID))).NilChance(0)
	downstream := &corev1.Pod{}
	filler.Fill(&downstream.Status)
	status := &downstream.Status
	status.InitContainerStatuses = reports(filler, upstream.Spec.InitContainers)
	status.ContainerStatuses = reports(filler, upstream.Spec.Containers)
	status.EphemeralContainerStatuses = nil
	for i := range upstream.Spec.EphemeralContainers {
		c := (*corev1.Container)(&upstream.Spec.EphemeralContainers[i].EphemeralContainerCommon)
		status.EphemeralContainerStatuses = append(status.EphemeralContainerStatuses, reports(filler, []corev1.Container{*c})...)
	}
	status.VolumeHealth = nil
	for i := range upstream.Spec.Volumes {
		status.VolumeHealth = append(status.VolumeHealth, corev1.PodVolumeHealth{Name: upstream.Spec.Volumes[i].Name})
	}
	return downstream
}

func reports(filler *randfill.Filler, containers []corev1.Container) []corev1.ContainerStatus {
	var all []corev1.ContainerStatus
	for i := range containers {
		status := corev1.ContainerStatus{}
		filler.Fill(&status)
		status.Name, status.VolumeMounts = containers[i].Name, []corev1.VolumeMountStatus{{Name: "added", MountPath: "/added"}}
		for _, mount := range containers[i].VolumeMounts {
			status.VolumeMounts = append(status.VolumeMounts, corev1.VolumeMountStatus{Name: "downstreams-own", MountPath: mount.MountPath})
		}
		all = append(all, status)
	}
	return all
}

func rewrittenStatus(upstream, downstream *corev1.Pod) checks {
	observed := upstream.Generation
	if reported := downstream.Status.ObservedGeneration; reported != 0 && reported < downstream.Generation {
		observed = upstream.Status.ObservedGeneration
	}
	mounts := func(from, to any) string {
		if len(to.([]corev1.VolumeMountStatus)) != len(from.([]corev1.VolumeMountStatus))-1 {
			return "the mount that downstream added is shown, or another is not"
		}
		for _, m := range to.([]corev1.VolumeMountStatus) {
			if m.Name == "downstreams-own" || m.Name == "added" {
				return "a mount has the name of downstream's volume"
			}
		}
		return ""
	}
	all := checks{
		"status.observedGeneration": is(observed),
		"status.phase":              becomes(func(from corev1.PodPhase) corev1.PodPhase { return from }),
		"status.conditions":         conditionsFit(upstream, downstream),
		"status.hostIP":             is(internalIP),
		"status.hostIPs":            is([]corev1.HostIP{{IP: internalIP}}),
	}
	for _, list := range []string{"init", "", "ephemeral"} {
		name := "status." + list + "ContainerStatuses"
		if list == "" {
			name = "status.containerStatuses"
		}
		all[name+"[].volumeMounts"] = mounts
	}
	return all
}

// conditionsFit: TestStatus has the rules; here, that each is somebody's.
func conditionsFit(upstream, downstream *corev1.Pod) func(_, to any) string {
	return func(_, to any) string {
		for _, c := range to.([]corev1.PodCondition) {
			of := func(pod *corev1.Pod) bool {
				for _, own := range pod.Status.Conditions {
					if own.Type == c.Type && reflect.DeepEqual(own.Status, c.Status) {
						return true
					}
				}
				return false
			}
			if !of(upstream) && !of(downstream) && c.Type != api.DownstreamScheduledCondition && c.Type != corev1.PodReady {
				return "condition " + string(c.Type) + " is nobody's"
			}
		}
		return ""
	}
}
