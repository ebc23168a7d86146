package sharing

import (
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The kinds of values that pods share.
const (
	owners kind = iota
	labels
	annotations
	nodeSelector
	volumeSource
	volumes
	container
	containers
	tolerations
	affinity
	security
	pullSecrets
	spreads
	gates
	addresses
	longText
)

// Pods shares among pods. The zero value has seen none. It may be used by several
// goroutines.
type Pods struct {
	mu   sync.Mutex
	pool pool
}

// Share has the pod, which nobody else may know yet, give up what is equal to
// something that another pod has.
func (s *Pods) Share(pod *corev1.Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pool.meta(&pod.ObjectMeta)
	s.pool.spec(&pod.Spec)
	s.pool.status(&pod.Status)
}

func (p *pool) meta(meta *metav1.ObjectMeta) {
	meta.Namespace = p.text(meta.Namespace)
	meta.GenerateName = p.text(meta.GenerateName)
	meta.OwnerReferences = list(p, owners, meta.OwnerReferences)
	meta.Labels = p.pairs(labels, meta.Labels)
	for key, value := range meta.Annotations {
		meta.Annotations[p.text(key)] = p.text(value)
	}
	meta.Annotations = p.pairs(annotations, meta.Annotations)
}

// pairs returns an equal map.
func (p *pool) pairs(k kind, pairs map[string]string) map[string]string {
	if len(pairs) == 0 {
		return pairs
	}
	p.begin(k)
	if !p.add(&metav1.ObjectMeta{Labels: pairs}) {
		return pairs
	}
	return found(p, pairs)
}

func (p *pool) spec(spec *corev1.PodSpec) {
	for i := range spec.Volumes {
		v := &spec.Volumes[i]
		v.Name = p.text(v.Name)
		v.VolumeSource = *pointer(p, volumeSource, new(v.VolumeSource))
	}
	spec.Volumes = list(p, volumes, spec.Volumes)
	spec.InitContainers = p.containers(spec.InitContainers)
	spec.Containers = p.containers(spec.Containers)
	spec.Tolerations = list(p, tolerations, spec.Tolerations)
	spec.Affinity = pointer(p, affinity, spec.Affinity)
	spec.SecurityContext = pointer(p, security, spec.SecurityContext)
	spec.ImagePullSecrets = list(p, pullSecrets, spec.ImagePullSecrets)
	spec.TopologySpreadConstraints = list(p, spreads, spec.TopologySpreadConstraints)
	spec.ReadinessGates = list(p, gates, spec.ReadinessGates)
	spec.NodeSelector = p.pairs(nodeSelector, spec.NodeSelector)
	for _, text := range []*string{
		&spec.NodeName, &spec.SchedulerName, &spec.ServiceAccountName, &spec.DeprecatedServiceAccount, &spec.Subdomain,
		&spec.PriorityClassName, (*string)(&spec.RestartPolicy), (*string)(&spec.DNSPolicy),
	} {
		*text = p.text(*text)
	}
}

func (p *pool) containers(all []corev1.Container) []corev1.Container {
	for i := range all {
		c := &all[i]
		// The name of a token's volume is each pod's own; all else recurs.
		mounts := c.VolumeMounts
		c.VolumeMounts = nil
		*c = *pointer(p, container, new(*c))
		c.VolumeMounts = tight(mounts)
		for j := range mounts {
			m := &c.VolumeMounts[j]
			m.Name, m.MountPath = p.text(m.Name), p.text(m.MountPath)
		}
	}
	return list(p, containers, all)
}

func (p *pool) status(status *corev1.PodStatus) {
	status.Conditions = tight(status.Conditions)
	for i := range status.Conditions {
		c := &status.Conditions[i]
		for _, text := range []*string{(*string)(&c.Type), (*string)(&c.Status), &c.Reason, &c.Message} {
			*text = p.text(*text)
		}
	}
	status.InitContainerStatuses = p.containerStatuses(status.InitContainerStatuses)
	status.ContainerStatuses = p.containerStatuses(status.ContainerStatuses)
	status.HostIPs = list(p, addresses, status.HostIPs)
	for _, text := range []*string{(*string)(&status.Phase), &status.Reason, &status.Message, &status.HostIP, (*string)(&status.QOSClass)} {
		*text = p.text(*text)
	}
	for i := range status.PodIPs {
		if ip := &status.PodIPs[i].IP; *ip == status.PodIP {
			*ip = status.PodIP
		}
	}
}

func (p *pool) containerStatuses(all []corev1.ContainerStatus) []corev1.ContainerStatus {
	all = tight(all)
	for i := range all {
		c := &all[i]
		for _, text := range []*string{&c.Name, &c.Image, &c.ImageID} {
			*text = p.text(*text)
		}
	}
	return all
}
