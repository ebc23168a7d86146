package webhook

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/api"
)

// namespaces reads what namespaces say of their pods from a cache, and from the
// API server when the cache does not know the namespace, or says that one did not
// opt in about whose pod we are asked for just that. An API server asks about a pod
// without a label only when it has seen the label on the namespace, so such an
// answer means that the cache has yet to see it; believing it would run the pod
// where its author did not want it.
type namespaces struct {
	cache client.Reader
	live  client.Reader
}

func (n namespaces) Namespace(ctx context.Context, name string, asked bool) (labels, annotations map[string]string, err error) {
	found, err := readNamespace(ctx, n.cache, name)
	if err != nil || asked && found.Labels[api.OptInLabel] != api.OptedIn {
		found, err = readNamespace(ctx, n.live, name)
	}
	if err != nil {
		return nil, nil, err
	}
	return found.Labels, found.Annotations, nil
}

func readNamespace(ctx context.Context, from client.Reader, name string) (*metav1.PartialObjectMetadata, error) {
	namespace := namespaceMetadata()
	if err := from.Get(ctx, client.ObjectKey{Name: name}, namespace); err != nil {
		return nil, fmt.Errorf("cannot get namespace %q: %w", name, err)
	}
	return namespace, nil
}

// namespaceMetadata is the type under which namespaces are watched: nothing but
// their metadata is of interest.
func namespaceMetadata() *metav1.PartialObjectMetadata {
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	return namespace
}

// cachedNamespaces has the cache keep of namespaces no more than what counts: what
// kubectl apply writes into annotations can be large.
func cachedNamespaces() map[client.Object]cache.ByObject {
	return map[client.Object]cache.ByObject{namespaceMetadata(): {Transform: slimNamespace}}
}

func slimNamespace(object any) (any, error) {
	namespace, isNamespace := object.(*metav1.PartialObjectMetadata)
	if !isNamespace {
		// The last known state of an object whose deletion was missed.
		return object, nil
	}
	namespace.ManagedFields, namespace.OwnerReferences, namespace.Finalizers = nil, nil, nil
	onNodeLoss, says := namespace.Annotations[api.OnNodeLossAnnotation]
	namespace.Annotations = nil
	if says {
		namespace.Annotations = map[string]string{api.OnNodeLossAnnotation: onNodeLoss}
	}
	return namespace, nil
}
