package translate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/stash"
)

// Pod returns the downstream pod that stands for an upstream pod: the same
// namespace and name, our ownership marks, the scheduling fields as their author
// wrote them, and everything else but what the package documentation and
// decision 0007 name. The upstream pod is not modified and shares no memory with
// the result.
//
// The error wraps a *stash.Error when the stash cannot be trusted, and
// stash.ErrNotRouted when the pod does not belong on this virtual node.
func Pod(upstream *corev1.Pod, id Identity) (*corev1.Pod, error) {
	fields, err := stash.Recover(upstream, id.Node)
	if err != nil {
		return nil, fmt.Errorf("cannot recover the scheduling constraints: %w", err)
	}
	spec := upstream.Spec
	fields.ReplaceIn(&spec)
	return &corev1.Pod{
		TypeMeta:   upstream.TypeMeta,
		ObjectMeta: metadata(upstream, id),
		Spec:       keepDownstream(spec.DeepCopy()),
	}, nil
}

// metadata returns the labels and annotations that follow the pod downstream,
// with our marks, under the pod's name.
func metadata(upstream *corev1.Pod, id Identity) metav1.ObjectMeta {
	meta := metav1.ObjectMeta{
		Namespace:   upstream.Namespace,
		Name:        upstream.Name,
		Labels:      maps.Clone(upstream.Labels),
		Annotations: maps.Clone(upstream.Annotations),
	}
	maps.DeleteFunc(meta.Labels, func(key, _ string) bool { return isNodes(key) })
	maps.DeleteFunc(meta.Annotations, func(key, _ string) bool { return staysUpstream(key) })
	id.Mark(&meta, upstream.UID)
	return meta
}

// staysUpstream names the annotations that speak about the upstream object.
func staysUpstream(annotation string) bool {
	return annotation == corev1.LastAppliedConfigAnnotation || annotation == api.DownstreamNodeAnnotation
}

// isNodes names the labels that the API server copies from a pod's node when it
// is bound. The downstream pod gets those of its own node.
func isNodes(label string) bool {
	return label == corev1.LabelTopologyZone || label == corev1.LabelTopologyRegion
}

// keepDownstream clears what only has a meaning upstream, in a spec that is the
// caller's own.
func keepDownstream(spec *corev1.PodSpec) corev1.PodSpec {
	// Decided by the upstream scheduler, or meant for it.
	spec.NodeName = ""
	spec.SchedulerName = ""
	spec.SchedulingGates = nil
	spec.SchedulingGroup = nil
	// Decided by upstream admission; downstream admission decides again.
	spec.Priority = nil
	spec.PriorityClassName = ""
	spec.PreemptionPolicy = nil
	spec.Overhead = nil
	// Answered upstream, by controllers that run there.
	spec.ReadinessGates = nil
	spec.EvictionResponders = nil
	// A subresource: refused in a new pod.
	spec.EphemeralContainers = nil
	// Downstream credentials are not given away because of an upstream name.
	spec.ServiceAccountName = ""
	spec.DeprecatedServiceAccount = ""
	spec.AutomountServiceAccountToken = new(false)

	dropUpstreamToken(spec)
	return *spec
}

// dropUpstreamToken removes the volume that upstream's ServiceAccount admission
// added, and its mounts. Downstream it would hold a token of the downstream API
// server.
func dropUpstreamToken(spec *corev1.PodSpec) {
	var dropped []string
	spec.Volumes = slices.DeleteFunc(spec.Volumes, func(v corev1.Volume) bool {
		if !isAdmittedToken(v) {
			return false
		}
		dropped = append(dropped, v.Name)
		return true
	})
	if dropped == nil {
		return
	}
	if len(spec.Volumes) == 0 {
		spec.Volumes = nil
	}
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			mounts := slices.DeleteFunc(containers[i].VolumeMounts, func(m corev1.VolumeMount) bool { return slices.Contains(dropped, m.Name) })
			if len(mounts) == 0 {
				mounts = nil
			}
			containers[i].VolumeMounts = mounts
		}
	}
}

// isAdmittedToken recognizes the volume by the name and the sources that the
// ServiceAccount admission plugin gives it. A token that the pod's author
// projects is another matter and stays.
func isAdmittedToken(v corev1.Volume) bool {
	if !strings.HasPrefix(v.Name, "kube-api-access-") || v.Projected == nil {
		return false
	}
	token := slices.ContainsFunc(v.Projected.Sources, func(s corev1.VolumeProjection) bool { return s.ServiceAccountToken != nil })
	root := slices.ContainsFunc(v.Projected.Sources, func(s corev1.VolumeProjection) bool {
		return s.ConfigMap != nil && s.ConfigMap.Name == "kube-root-ca.crt"
	})
	return token && root
}
