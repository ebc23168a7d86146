package provider

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

// slimmed returns of a foreign pod what says whose it is and what it takes from
// its node.
func slimmed(pod *corev1.Pod) *corev1.Pod {
	slim := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, ResourceVersion: pod.ResourceVersion,
			DeletionTimestamp: pod.DeletionTimestamp,
			Labels:            marks(pod.Labels, api.UpstreamLabel, api.VirtualNodeLabel),
			Annotations:       marks(pod.Annotations, api.UpstreamUIDAnnotation),
		},
		Spec: corev1.PodSpec{
			NodeName:       pod.Spec.NodeName,
			Overhead:       pod.Spec.Overhead,
			Resources:      pod.Spec.Resources,
			InitContainers: slimContainers(pod.Spec.InitContainers),
			Containers:     slimContainers(pod.Spec.Containers),
		},
		Status: corev1.PodStatus{
			Phase:                 pod.Status.Phase,
			Resources:             pod.Status.Resources,
			AllocatedResources:    pod.Status.AllocatedResources,
			InitContainerStatuses: slimStatuses(pod.Status.InitContainerStatuses),
			ContainerStatuses:     slimStatuses(pod.Status.ContainerStatuses),
		},
	}
	for _, c := range pod.Status.Conditions {
		// An infeasible resize does not count as requested.
		if c.Type == corev1.PodResizePending {
			slim.Status.Conditions = []corev1.PodCondition{c}
		}
	}
	return slim
}

func marks(all map[string]string, keys ...string) map[string]string {
	var found map[string]string
	for _, key := range keys {
		if value, ok := all[key]; ok {
			if found == nil {
				found = make(map[string]string, len(keys))
			}
			found[key] = value
		}
	}
	return found
}

func slimContainers(containers []corev1.Container) []corev1.Container {
	slim := make([]corev1.Container, len(containers))
	for i := range containers {
		c := &containers[i]
		slim[i] = corev1.Container{Name: c.Name, Resources: c.Resources, RestartPolicy: c.RestartPolicy}
	}
	return slim
}

// slimStatuses keeps what a resize under way counts by; most containers have no
// such thing.
func slimStatuses(statuses []corev1.ContainerStatus) []corev1.ContainerStatus {
	var slim []corev1.ContainerStatus
	for i := range statuses {
		if s := &statuses[i]; s.AllocatedResources != nil || s.Resources != nil {
			slim = append(slim, corev1.ContainerStatus{Name: s.Name, AllocatedResources: s.AllocatedResources, Resources: s.Resources})
		}
	}
	return slim
}
