package translate

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Status returns the status of an upstream pod whose downstream pod is given.
// internalIP is the virtual node's address, which stands for the downstream
// host's.
//
// What a kubelet would say comes from downstream. What upstream's own components
// say stays: PodScheduled, conditions of other controllers, the QoS class (the
// API server computes it, and refuses another), the nominated node and resource
// claims. Verdicts has every field. A downstream pod that no node has taken up yet changes nothing but the
// DownstreamScheduled condition, so that nothing is written in vain.
func Status(upstream, downstream *corev1.Pod, internalIP string) corev1.PodStatus {
	status := *downstream.Status.DeepCopy()
	own := upstream.Status.DeepCopy()

	status.QOSClass = own.QOSClass
	status.NominatedNodeName = own.NominatedNodeName
	status.ResourceClaimStatuses = own.ResourceClaimStatuses
	status.ExtendedResourceClaimStatus = own.ExtendedResourceClaimStatus
	status.NodeAllocatableResourceClaimStatuses = own.NodeAllocatableResourceClaimStatuses
	if status.Phase == "" {
		status.Phase = own.Phase
	}
	if noResources(status.Resources) && noResources(own.Resources) {
		status.Resources = own.Resources
	}
	status.ObservedGeneration = observedGeneration(upstream, downstream)
	status.Conditions = conditions(upstream, downstream, status.ObservedGeneration)
	if status.HostIP != "" {
		status.HostIP = internalIP
		status.HostIPs = []corev1.HostIP{{IP: internalIP}}
	}
	status.InitContainerStatuses = statusesOf(status.InitContainerStatuses, upstream)
	status.ContainerStatuses = statusesOf(status.ContainerStatuses, upstream)
	status.EphemeralContainerStatuses = statusesOf(status.EphemeralContainerStatuses, upstream)
	status.VolumeHealth = without(status.VolumeHealth, func(h corev1.PodVolumeHealth) bool {
		return !slices.ContainsFunc(upstream.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == h.Name })
	})
	return status
}

// noResources says that a pod as a whole has no resources of its own. Kubelets since
// Kubernetes 1.36 say so by an empty value, which API servers before that do not keep:
// it would be news for ever.
func noResources(r *corev1.ResourceRequirements) bool {
	return r == nil || len(r.Limits) == 0 && len(r.Requests) == 0 && len(r.Claims) == 0
}

// Started says whether containers of the pod have been, or were about to be,
// started: from then on the pod must not be started again elsewhere.
func Started(pod *corev1.Pod) bool {
	return pod.Status.StartTime != nil || len(pod.Status.ContainerStatuses) > 0 || len(pod.Status.InitContainerStatuses) > 0
}

// Finished says whether the pod's phase is final.
func Finished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// observedGeneration is the upstream generation as soon as the downstream
// kubelet has caught up with the downstream pod. Some do not report theirs.
func observedGeneration(upstream, downstream *corev1.Pod) int64 {
	reported := downstream.Status.ObservedGeneration
	if !Started(downstream) || (reported != 0 && reported < downstream.Generation) {
		return upstream.Status.ObservedGeneration
	}
	return upstream.Generation
}

// statusesOf keeps the statuses of containers and mounts that the upstream pod has:
// downstream admission may have added some of its own. A mount is known by its
// path; that of the token is another volume's in each cluster.
func statusesOf(statuses []corev1.ContainerStatus, upstream *corev1.Pod) []corev1.ContainerStatus {
	mounts := make(map[string][]corev1.VolumeMount)
	for _, c := range allContainers(&upstream.Spec) {
		mounts[c.Name] = c.VolumeMounts
	}
	statuses = slices.DeleteFunc(statuses, func(s corev1.ContainerStatus) bool {
		_, known := mounts[s.Name]
		return !known
	})
	for i := range statuses {
		statuses[i].VolumeMounts = mountsOf(statuses[i].VolumeMounts, mounts[statuses[i].Name])
	}
	return statuses
}

func mountsOf(statuses []corev1.VolumeMountStatus, mounts []corev1.VolumeMount) []corev1.VolumeMountStatus {
	var known []corev1.VolumeMountStatus
	for _, s := range statuses {
		at := slices.IndexFunc(mounts, func(m corev1.VolumeMount) bool { return m.MountPath == s.MountPath })
		if at < 0 {
			continue
		}
		s.Name = mounts[at].Name
		known = append(known, s)
	}
	return known
}

func ephemeralNames(containers []corev1.EphemeralContainer) []string {
	names := make([]string, 0, len(containers))
	for i := range containers {
		names = append(names, containers[i].Name)
	}
	return names
}
