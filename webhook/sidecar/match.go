package sidecar

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Namespace is what matching needs to know about a pod's namespace.
type Namespace struct {
	Name   string
	Labels map[string]string
	// Err is why the labels are not known; nil if they are.
	Err error
}

// Selects says whether the set is about the pod: by its selector, of which an
// empty one selects nothing, and by the namespace. spec.namespace wins over
// spec.namespaceSelector. Where the labels of the namespace are asked for and not
// known, it says whether the set is about the pod as far as can be told.
func (s *Set) Selects(pod *corev1.Pod, namespace Namespace) bool {
	if s.pods.Empty() || !s.pods.Matches(labels.Set(pod.Labels)) {
		return false
	}
	if only := s.Object.Spec.Namespace; only != "" {
		return only == namespace.Name
	}
	return namespace.Err != nil || s.namespaces.Matches(labels.Set(namespace.Labels))
}
