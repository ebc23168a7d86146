package webhook

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/api"
)

// namespaces reads namespaces' labels from a cache, and from the API server when
// the cache does not know the namespace, or says that one did not opt in about
// whose pod we are asked for just that. An API server asks about a pod without a
// label only when it has seen the label on the namespace, so such an answer means
// that the cache has yet to see it; believing it would run the pod where its
// author did not want it.
type namespaces struct {
	cache client.Reader
	live  client.Reader
}

func (n namespaces) NamespaceLabels(ctx context.Context, name string, asked bool) (map[string]string, error) {
	cached, err := labelsOf(ctx, n.cache, name)
	if err == nil && (!asked || cached[api.OptInLabel] == api.OptedIn) {
		return cached, nil
	}
	return labelsOf(ctx, n.live, name)
}

func labelsOf(ctx context.Context, from client.Reader, name string) (map[string]string, error) {
	namespace := namespaceMetadata()
	if err := from.Get(ctx, client.ObjectKey{Name: name}, namespace); err != nil {
		return nil, fmt.Errorf("cannot get namespace %q: %w", name, err)
	}
	return namespace.Labels, nil
}

// namespaceMetadata is the type under which namespaces are watched: nothing but
// their metadata is of interest.
func namespaceMetadata() *metav1.PartialObjectMetadata {
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	return namespace
}
