package services

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

// kubernetesService is the API server's own, in the namespace default.
const kubernetesService = "kubernetes"

// Choice says whether the Services of a namespace are reflected.
type Choice int

const (
	// Never is not at all.
	Never Choice = iota
	// WithPods is as soon as the virtual node has a pod in the namespace.
	WithPods
	// Always is also for pods in other namespaces.
	Always
)

// Choose decides for an upstream namespace. The annotation
// api.ReflectServicesAnnotation means Always or Never with "true" or "false";
// without it, or with any other value, byDefault means WithPods for namespaces
// that opted in. For the cluster's own namespaces it is Never.
func Choose(namespace metav1.Object, byDefault bool) Choice {
	switch namespace.GetName() {
	case metav1.NamespaceSystem, metav1.NamespacePublic, corev1.NamespaceNodeLease:
		return Never
	}
	switch said := namespace.GetAnnotations()[api.ReflectServicesAnnotation]; {
	case said == "true":
		return Always
	case said == "false":
		return Never
	case byDefault && namespace.GetLabels()[api.OptInLabel] == api.OptedIn:
		return WithPods
	default:
		return Never
	}
}

// reflected says whether a Service of a chosen namespace has a copy.
func reflected(service *corev1.Service) bool {
	if service == nil || service.DeletionTimestamp != nil {
		return false
	}
	return service.Namespace != metav1.NamespaceDefault || service.Name != kubernetesService
}
