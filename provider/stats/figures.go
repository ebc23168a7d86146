package stats

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// figures are what is known about downstream pods, by their UIDs.
type figures map[types.UID]statsv1alpha1.PodStats

// fromSummaries takes the figures of all pods in the summaries of kubelets.
func fromSummaries(summaries []statsv1alpha1.Summary) figures {
	found := make(figures)
	for i := range summaries {
		for _, p := range summaries[i].Pods {
			found[types.UID(p.PodRef.UID)] = p
		}
	}
	return found
}

// ofPods takes what match has told of the pods.
func ofPods(pods []pod, told []statsv1alpha1.PodStats) figures {
	found := make(figures, len(pods))
	for i, p := range pods {
		found[p.downstream.UID] = told[i]
	}
	return found
}

// podMetrics is a PodMetrics of metrics.k8s.io/v1beta1.
type podMetrics struct {
	Metadata   metav1.ObjectMeta  `json:"metadata"`
	Timestamp  metav1.Time        `json:"timestamp"`
	Containers []containerMetrics `json:"containers"`
}

type containerMetrics struct {
	Name  string              `json:"name"`
	Usage corev1.ResourceList `json:"usage"`
}

// fromMetrics takes the figures of our pods. PodMetrics have no UIDs, so those
// from before the pod was started are its predecessor's and left out.
func fromMetrics(pods []pod, list []podMetrics) figures {
	byName := make(map[types.NamespacedName]*podMetrics, len(list))
	for i := range list {
		byName[types.NamespacedName{Namespace: list[i].Metadata.Namespace, Name: list[i].Metadata.Name}] = &list[i]
	}
	found := make(figures, len(pods))
	for _, p := range pods {
		m := byName[types.NamespacedName{Namespace: p.downstream.Namespace, Name: p.downstream.Name}]
		if m != nil && !m.Timestamp.Before(p.downstream.Status.StartTime) {
			found[p.downstream.UID] = m.stats(listed(&p.upstream.Spec))
		}
	}
	return found
}

// stats are the same figures in a kubelet's words: rates, no counters. The pod's
// are the sums over the containers in names.
func (m *podMetrics) stats(names map[string]bool) statsv1alpha1.PodStats {
	var cores, bytes uint64
	pod := statsv1alpha1.PodStats{}
	for i := range m.Containers {
		c := &m.Containers[i]
		if _, named := names[c.Name]; !named {
			continue
		}
		rate, memory := nanoCores(c.Usage), workingSet(c.Usage)
		cores, bytes = cores+rate, bytes+memory
		pod.Containers = append(pod.Containers, statsv1alpha1.ContainerStats{
			Name:   c.Name,
			CPU:    &statsv1alpha1.CPUStats{Time: m.Timestamp, UsageNanoCores: &rate},
			Memory: &statsv1alpha1.MemoryStats{Time: m.Timestamp, WorkingSetBytes: &memory},
		})
	}
	pod.CPU = &statsv1alpha1.CPUStats{Time: m.Timestamp, UsageNanoCores: &cores}
	pod.Memory = &statsv1alpha1.MemoryStats{Time: m.Timestamp, WorkingSetBytes: &bytes}
	return pod
}

func nanoCores(usage corev1.ResourceList) uint64 {
	return uint64(max(0, usage.Cpu().ScaledValue(-9)))
}

func workingSet(usage corev1.ResourceList) uint64 {
	return uint64(max(0, usage.Memory().Value()))
}

// match tells of each pod what is known about it, under its upstream name. A pod
// about which nothing is known is told of nevertheless, with its containers.
func match(pods []pod, known figures) []statsv1alpha1.PodStats {
	told := make([]statsv1alpha1.PodStats, 0, len(pods))
	for _, p := range pods {
		s := known[p.downstream.UID]
		s.PodRef = statsv1alpha1.PodReference{Namespace: p.upstream.Namespace, Name: p.upstream.Name, UID: string(p.upstream.UID)}
		if s.StartTime.IsZero() && p.downstream.Status.StartTime != nil {
			s.StartTime = *p.downstream.Status.StartTime
		}
		s.Containers = containers(p, s.Containers)
		s.VolumeStats = volumes(p.upstream, s.VolumeStats)
		told = append(told, s)
	}
	return told
}

// containers keeps the figures of containers that the upstream pod names, and
// adds those of which there are none.
func containers(p pod, all []statsv1alpha1.ContainerStats) []statsv1alpha1.ContainerStats {
	names := listed(&p.upstream.Spec)
	kept := make([]statsv1alpha1.ContainerStats, 0, len(names))
	for i := range all {
		if _, named := names[all[i].Name]; named {
			kept = append(kept, all[i])
			delete(names, all[i].Name)
		}
	}
	for _, c := range slices.Concat(p.upstream.Spec.InitContainers, p.upstream.Spec.Containers) {
		if names[c.Name] {
			kept = append(kept, statsv1alpha1.ContainerStats{Name: c.Name})
		}
	}
	for i := range kept {
		if kept[i].StartTime.IsZero() {
			kept[i].StartTime = metav1.NewTime(started(&p.downstream.Status, kept[i].Name))
		}
	}
	return kept
}

// started is when the container that runs now was started; zero if none does.
func started(status *corev1.PodStatus, name string) time.Time {
	for _, all := range [][]corev1.ContainerStatus{status.ContainerStatuses, status.InitContainerStatuses, status.EphemeralContainerStatuses} {
		for i := range all {
			if all[i].Name == name && all[i].State.Running != nil {
				return all[i].State.Running.StartedAt.Time
			}
		}
	}
	return time.Time{}
}

// volumes keeps the figures of volumes that the upstream pod names, with its own
// claims.
func volumes(upstream *corev1.Pod, all []statsv1alpha1.VolumeStats) []statsv1alpha1.VolumeStats {
	var kept []statsv1alpha1.VolumeStats
	for _, v := range all {
		at := slices.IndexFunc(upstream.Spec.Volumes, func(known corev1.Volume) bool { return known.Name == v.Name })
		if at < 0 {
			continue
		}
		v.PVCRef = claim(upstream, &upstream.Spec.Volumes[at])
		kept = append(kept, v)
	}
	return kept
}

// claim is the upstream claim of a volume; nil if it has none.
func claim(upstream *corev1.Pod, volume *corev1.Volume) *statsv1alpha1.PVCReference {
	switch {
	case volume.PersistentVolumeClaim != nil:
		return &statsv1alpha1.PVCReference{Namespace: upstream.Namespace, Name: volume.PersistentVolumeClaim.ClaimName}
	case volume.Ephemeral != nil:
		return &statsv1alpha1.PVCReference{Namespace: upstream.Namespace, Name: upstream.Name + "-" + volume.Name}
	default:
		return nil
	}
}
