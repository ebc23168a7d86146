package pods

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// settle is MakeNamespace for a pod, whose owner is told what API servers have
// against it.
func (r *Reconciler) settle(ctx context.Context, upstream *corev1.Pod) error {
	err := r.MakeNamespace(ctx, upstream.Namespace)
	if err != nil {
		r.complain(upstream, err)
	}
	return err
}

// MakeNamespace makes room downstream for the objects of an upstream namespace,
// whose UID the new namespace carries: it says where that one came from. It is
// left behind when that one goes, since others may use it too; one that is there
// already is used as it is. Those that create objects before a pod call it, too.
func (r *Reconciler) MakeNamespace(ctx context.Context, upstream string) error {
	origin := &metav1.PartialObjectMetadata{}
	origin.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if err := r.Upstream.Live.Get(ctx, client.ObjectKey{Name: upstream}, origin); err != nil {
		return fmt.Errorf("cannot read the upstream namespace: %w", err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: r.Node.Namespaces.Downstream(upstream)}}
	r.Node.Mark(&namespace.ObjectMeta, origin.UID)
	err := r.Downstream.Client.Create(ctx, namespace, FieldOwner)
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("cannot create the downstream namespace: %w", err)
	}
	return nil
}
