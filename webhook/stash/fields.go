package stash

import (
	corev1 "k8s.io/api/core/v1"
)

// Fields are the scheduling fields: those parts of a pod's spec that say which
// nodes it may run on. Their JSON is the value of the clusterSelector
// annotation; the names are those of the PodSpec, and the first three are what
// tensile-kube writes and reads.
type Fields struct {
	NodeSelector              map[string]string                 `json:"nodeSelector,omitempty"`
	Affinity                  *corev1.Affinity                  `json:"affinity,omitempty"`
	Tolerations               []corev1.Toleration               `json:"tolerations,omitempty"`
	TopologySpreadConstraints []corev1.TopologySpreadConstraint `json:"topologySpreadConstraints,omitempty"`
}

// FieldsOf returns the scheduling fields of spec. The result shares memory with
// spec.
func FieldsOf(spec *corev1.PodSpec) Fields {
	return Fields{
		NodeSelector:              spec.NodeSelector,
		Affinity:                  spec.Affinity,
		Tolerations:               spec.Tolerations,
		TopologySpreadConstraints: spec.TopologySpreadConstraints,
	}
}

// ReplaceIn sets the scheduling fields of spec to f, all four of them: what f
// does not have, spec has no longer. Afterwards spec shares memory with f.
func (f Fields) ReplaceIn(spec *corev1.PodSpec) {
	spec.NodeSelector = f.NodeSelector
	spec.Affinity = f.Affinity
	spec.Tolerations = f.Tolerations
	spec.TopologySpreadConstraints = f.TopologySpreadConstraints
}
