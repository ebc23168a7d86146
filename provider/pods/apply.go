package pods

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// FieldOwner is the field manager of everything written to pods.
const FieldOwner = client.FieldOwner("spillway")

// maxNote is the API's limit for the text of an event, in bytes.
const maxNote = 1024

// apply does what the action says, downstream first: an upstream pod never runs
// ahead of what was done. A pod that vanished meanwhile needs nothing any more.
func (r *Reconciler) apply(ctx context.Context, key types.NamespacedName, upstream *corev1.Pod, action Action) (reconcile.Result, error) {
	if action.Row != RowMirror && action.Row != RowNothing {
		logf.FromContext(ctx).V(1).Info("Acting", "row", action.Row)
	}
	if action.Change != nil {
		if err := r.change(ctx, key, action); err != nil {
			return reconcile.Result{}, err
		}
	}
	if action.Delete != nil {
		if err := r.deleteDownstream(ctx, key, *action.Delete); err != nil {
			return reconcile.Result{}, err
		}
	}
	if action.Status != nil {
		if err := r.patchStatus(ctx, key, upstream, action); err != nil {
			return reconcile.Result{}, err
		}
	}
	if action.Warning != nil {
		r.warn(upstream, *action.Warning)
	}
	if action.DeleteUpstream {
		if err := r.deleteUpstream(ctx, key, upstream.UID); err != nil {
			return reconcile.Result{}, err
		}
	}
	return reconcile.Result{RequeueAfter: action.Again}, nil
}

func (r *Reconciler) change(ctx context.Context, key types.NamespacedName, action Action) error {
	patch, err := action.Change.Patch()
	if err != nil {
		return err
	}
	err = r.Downstream.Client.Patch(ctx, named(key), client.RawPatch(types.StrategicMergePatchType, patch), FieldOwner)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("cannot change the downstream pod: %w", err)
	}
	return nil
}

func (r *Reconciler) deleteDownstream(ctx context.Context, key types.NamespacedName, d Deletion) error {
	options := []client.DeleteOption{client.Preconditions{UID: &d.UID}}
	if d.GraceSeconds != nil {
		options = append(options, client.GracePeriodSeconds(*d.GraceSeconds))
	}
	err := r.Downstream.Client.Delete(ctx, named(key), options...)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("cannot delete the downstream pod: %w", err)
	}
	r.Metrics.deleted.Inc()
	return nil
}

func (r *Reconciler) patchStatus(ctx context.Context, key types.NamespacedName, upstream *corev1.Pod, action Action) error {
	patch, err := statusPatch(upstream, action.Status, action.DownstreamNode)
	if err != nil {
		return err
	}
	err = r.Upstream.Client.Status().Patch(ctx, named(key), client.RawPatch(types.StrategicMergePatchType, patch), FieldOwner)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("cannot write the upstream pod's status: %w", err)
	}
	return nil
}

func (r *Reconciler) deleteUpstream(ctx context.Context, key types.NamespacedName, uid types.UID) error {
	err := r.Upstream.Client.Delete(ctx, named(key), client.Preconditions{UID: &uid}, client.GracePeriodSeconds(0))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("cannot remove the upstream pod: %w", err)
	}
	return nil
}

// createNamespace makes room for the pods of an upstream namespace, whose UID the
// new one carries: it says where the namespace came from. It is left behind when
// that one goes, since others may use it too.
func (r *Reconciler) createNamespace(ctx context.Context, name string) error {
	upstream := &metav1.PartialObjectMetadata{}
	upstream.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if err := r.Upstream.Live.Get(ctx, client.ObjectKey{Name: name}, upstream); err != nil {
		return fmt.Errorf("cannot read the upstream namespace: %w", err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	r.Node.Mark(&namespace.ObjectMeta, upstream.UID)
	err := r.Downstream.Client.Create(ctx, namespace, FieldOwner)
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("cannot create the downstream namespace: %w", err)
	}
	return nil
}

// warn sends an event about the upstream pod. The reference carries no resource
// version, so that repeated events become one series.
func (r *Reconciler) warn(upstream *corev1.Pod, w Warning) {
	r.Metrics.refused.WithLabelValues(w.Reason).Inc()
	note := w.Note
	if len(note) > maxNote {
		note = note[:maxNote-3] + "..."
	}
	reference := &corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: upstream.Namespace, Name: upstream.Name, UID: upstream.UID}
	r.Events.Eventf(reference, nil, corev1.EventTypeWarning, w.Reason, "RunDownstream", "%s", note)
}

func named(key types.NamespacedName) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
}
