package services

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/spillway-io/spillway/provider/pods"
	"github.com/spillway-io/spillway/provider/translate"
)

// cacheLag is how long we wait for the cache to show what we wrote.
const cacheLag = time.Second

// Reasons in events about upstream Services.
const (
	// ReasonConflict: a downstream object of that name is not ours.
	ReasonConflict = pods.ReasonConflict
	// ReasonRejected: the downstream API server does not take the copy.
	ReasonRejected = pods.ReasonRejected
)

// create creates our Service. It returns true when this is to be tried again
// later, and false when w has changed, or the way is free, and is to be planned
// again.
func (r *Reconciler) create(ctx context.Context, w *World, service *corev1.Service) (over bool, err error) {
	key := client.ObjectKeyFromObject(service)
	err = r.Downstream.Client.Create(ctx, service, pods.FieldOwner)
	switch {
	case err == nil:
		logf.FromContext(ctx).V(1).Info("Created the downstream Service", "uid", service.UID)
		w.Below = service
		return false, nil
	case apierrors.IsAlreadyExists(err):
		w.Below, err = readService(ctx, r.Downstream.Live, key)
		return false, err
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return true, nil
	case pods.IsHomeless(err):
		return false, r.MakeNamespace(ctx, w.Service.Namespace)
	default:
		r.rejected(w.Service, err)
		return true, fmt.Errorf("cannot create the downstream Service: %w", err)
	}
}

// apply does what the action says. What vanished meanwhile needs nothing any more.
func (r *Reconciler) apply(ctx context.Context, w *World, action Action) (reconcile.Result, error) {
	if action.Row != RowKeep && action.Row != RowNothing {
		logf.FromContext(ctx).V(1).Info("Acting", "row", action.Row)
	}
	var errs []error
	again := action.Again
	if action.Service != nil {
		later, err := patch(ctx, r.Downstream.Client, action.Service.From, action.Service.To)
		r.rejected(w.Service, err)
		errs = append(errs, err)
		again = max(again, later)
	}
	if action.Delete != nil {
		errs = append(errs, r.remove(ctx, action.Delete))
	}
	for _, slice := range action.CreateSlices {
		later, err := r.createSlice(ctx, w, slice)
		errs = append(errs, err)
		again = max(again, later)
	}
	for _, change := range action.Slices {
		later, err := patch(ctx, r.Downstream.Client, change.From, change.To)
		errs = append(errs, err)
		again = max(again, later)
	}
	for _, slice := range action.DeleteSlices {
		errs = append(errs, r.remove(ctx, slice))
	}
	if action.Conflict != nil {
		r.conflict(w.Service, "Service", client.ObjectKeyFromObject(action.Conflict))
	}
	return reconcile.Result{RequeueAfter: again}, errors.Join(errs...)
}

// createSlice returns when to look again, if something of that name is there.
func (r *Reconciler) createSlice(ctx context.Context, w *World, slice *discoveryv1.EndpointSlice) (again time.Duration, err error) {
	key := client.ObjectKeyFromObject(slice)
	err = r.Downstream.Client.Create(ctx, slice, pods.FieldOwner)
	switch {
	case err == nil:
		return 0, nil
	case pods.IsHomeless(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return foreignRetry, nil
	case !apierrors.IsAlreadyExists(err):
		r.rejected(w.Service, err)
		return 0, fmt.Errorf("cannot create the downstream EndpointSlice: %w", err)
	}
	there := &discoveryv1.EndpointSlice{}
	switch err := r.Downstream.Live.Get(ctx, key, there); {
	case client.IgnoreNotFound(err) != nil:
		return 0, fmt.Errorf("downstream: cannot read the EndpointSlice: %w", err)
	case err != nil || r.Identity.Owns(there):
		return cacheLag, nil //nolint:nilerr // Gone meanwhile, which the next plan sees.
	default:
		r.conflict(w.Service, "EndpointSlice", key)
		return foreignRetry, nil
	}
}

// patch writes what differs, on the condition that the object is as we know it. If
// the cache was behind, it returns when to look again.
func patch[T client.Object](ctx context.Context, to client.Client, from, next T) (again time.Duration, err error) {
	copied, _ := next.DeepCopyObject().(T) // The answer is written into it.
	err = to.Patch(ctx, copied, client.MergeFromWithOptions(from, client.MergeFromWithOptimisticLock{}), pods.FieldOwner)
	switch {
	case apierrors.IsConflict(err):
		return cacheLag, nil
	case client.IgnoreNotFound(err) != nil:
		return 0, fmt.Errorf("cannot change the downstream %T: %w", next, err)
	default:
		return 0, nil
	}
}

// remove deletes exactly that object of ours.
func (r *Reconciler) remove(ctx context.Context, ours client.Object) error {
	if ours.GetDeletionTimestamp() != nil {
		return nil
	}
	uid := ours.GetUID()
	err := r.Downstream.Client.Delete(ctx, ours, client.Preconditions{UID: &uid})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("cannot delete the downstream %T: %w", ours, err)
	}
	return nil
}

func (r *Reconciler) conflict(upstream *corev1.Service, kind string, below types.NamespacedName) {
	r.warn(upstream, ReasonConflict, fmt.Sprintf("The downstream %s %s is not ours; it is left as it is, and this Service is not reflected there", kind, below))
}

// rejected tells the upstream Service's owner of an answer that does not pass by
// itself.
func (r *Reconciler) rejected(upstream *corev1.Service, err error) {
	if apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err) {
		r.warn(upstream, ReasonRejected, err.Error())
	}
}

// warn sends an event about the upstream Service. The reference carries no
// resource version, so that repeated events become one series.
func (r *Reconciler) warn(upstream *corev1.Service, reason, note string) {
	reference := &corev1.ObjectReference{APIVersion: "v1", Kind: "Service", Namespace: upstream.Namespace, Name: upstream.Name, UID: upstream.UID}
	r.Events.Eventf(reference, nil, corev1.EventTypeWarning, reason, "ReflectService", "%s", translate.EventText(note))
}
