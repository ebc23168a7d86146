package sidecar

import (
	"fmt"

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

// mismatch is why a set is not about a pod.
type mismatch int

const (
	matches mismatch = iota
	selectsNothing
	otherPods
	otherNamespace
	otherNamespaces
)

// Selects says whether the set is about the pod: by its selector, of which an
// empty one selects nothing, and by the namespace. spec.namespace wins over
// spec.namespaceSelector. Where the labels of the namespace are asked for and not
// known, it says whether the set is about the pod as far as can be told.
func (s *Set) Selects(pod *corev1.Pod, namespace Namespace) bool {
	return s.mismatch(pod, namespace) == matches
}

func (s *Set) mismatch(pod *corev1.Pod, namespace Namespace) mismatch {
	switch only := s.Object.Spec.Namespace; {
	case s.pods.Empty():
		return selectsNothing
	case s.label != "" && pod.Labels[s.label] != s.value || !s.pods.Matches(labels.Set(pod.Labels)):
		return otherPods
	case only != "" && only != namespace.Name:
		return otherNamespace
	case only == "" && namespace.Err == nil && !s.namespaces.Matches(labels.Set(namespace.Labels)):
		return otherNamespaces
	default:
		return matches
	}
}

// WhyNot says in words which selector keeps the set from being about the pod; it
// is empty if the set Selects it.
func (s *Set) WhyNot(pod *corev1.Pod, namespace Namespace) string {
	switch s.mismatch(pod, namespace) {
	case selectsNothing:
		return "spec.selector is empty or cannot be read, and selects no pod"
	case otherPods:
		return fmt.Sprintf("spec.selector (%s) does not match the pod's labels", s.pods)
	case otherNamespace:
		return fmt.Sprintf("spec.namespace is %q", s.Object.Spec.Namespace)
	case otherNamespaces:
		return fmt.Sprintf("spec.namespaceSelector (%s) does not match the labels of namespace %q", s.namespaces, namespace.Name)
	default:
		return ""
	}
}
