package translate

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/stash"
)

// Pod returns the downstream pod that stands for an upstream pod: the same name,
// in the namespace that the rules give, our ownership marks, the scheduling fields
// as their author wrote them, and everything else but what Verdicts say. The notes
// are in the order of the spec. The upstream pod is not modified and shares no
// memory with the result.
//
// The error wraps a *stash.Error when the stash cannot be trusted, an *AccessError
// when the pod asks for an AccessMode that it does not get, and stash.ErrNotRouted
// when it does not belong on this virtual node.
func Pod(upstream *corev1.Pod, rules Rules, facts Facts) (*corev1.Pod, []Note, error) {
	fields, err := stash.Recover(upstream, rules.Node)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot recover the scheduling constraints: %w", err)
	}
	mode, err := rules.Access.Mode(upstream)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot give access to a Kubernetes API: %w", err)
	}
	recovered := upstream.Spec
	fields.ReplaceIn(&recovered)
	spec := recovered.DeepCopy()
	dropUpstreamOnly(spec)
	notes := slices.Concat(
		priority(spec, facts),
		scheduling(spec, rules),
		content(spec, upstream, rules, mode),
	)
	// A subresource: refused in a new pod.
	spec.EphemeralContainers = nil

	meta := metadata(upstream, rules.Identity)
	meta.Annotations[api.APIAccessAnnotation] = string(mode)
	return &corev1.Pod{TypeMeta: upstream.TypeMeta, ObjectMeta: meta, Spec: *spec}, notes, nil
}

// content makes containers and volumes find downstream what they would find
// upstream, as far as the mode gives it. It does not depend on the stash.
func content(spec *corev1.PodSpec, upstream *corev1.Pod, rules Rules, mode AccessMode) []Note {
	if mode != AccessUpstream {
		dropAdmittedToken(spec)
	}
	if mode != AccessDownstream {
		// Downstream credentials are not given away because of an upstream name.
		spec.ServiceAccountName = ""
		spec.AutomountServiceAccountToken = new(false)
	}
	// An alias of ServiceAccountName, which the API server fills.
	spec.DeprecatedServiceAccount = ""
	notes := credentials(spec, mode, TokenSecret(upstream))
	downward(spec, upstream, rules.Namespaces, mode)
	ephemeralClaims(spec, rules)
	if mode == AccessUpstream {
		rename(spec, rules.rootCA())
		serve(spec, rules.Access)
	}
	return notes
}

// metadata returns the labels and annotations that follow the pod downstream,
// with our marks, under the pod's name.
func metadata(upstream *corev1.Pod, id Identity) metav1.ObjectMeta {
	meta := metav1.ObjectMeta{
		Namespace:   id.Namespaces.Downstream(upstream.Namespace),
		Name:        upstream.Name,
		Labels:      maps.Clone(upstream.Labels),
		Annotations: maps.Clone(upstream.Annotations),
	}
	maps.DeleteFunc(meta.Labels, func(key, _ string) bool { return isNodes(key) })
	maps.DeleteFunc(meta.Annotations, func(key, _ string) bool { return staysUpstream(key) })
	id.Mark(&meta, upstream.UID)
	if meta.Namespace != upstream.Namespace {
		meta.Annotations[api.UpstreamNamespaceAnnotation] = upstream.Namespace
	}
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

// dropUpstreamOnly clears what was decided, or will be answered, by upstream's
// components.
func dropUpstreamOnly(spec *corev1.PodSpec) {
	spec.NodeName = ""
	spec.SchedulingGates = nil
	spec.SchedulingGroup = nil
	// Downstream admission computes both again, from the class that is kept.
	spec.Overhead = nil
	spec.Priority = nil
	spec.PreemptionPolicy = nil
	// Answered by controllers that run upstream.
	spec.ReadinessGates = nil
	spec.EvictionResponders = nil
}
