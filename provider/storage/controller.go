package storage

import (
	"context"
	"fmt"
	"math"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-helpers/storage/volume"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/spillway-io/spillway/provider/retry"
	"github.com/spillway-io/spillway/provider/translate"
)

const (
	// firstRetry and lastRetry bound the pause between tries of one claim.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 30 * time.Second
	// reconcileTimeout bounds all requests of one reconciliation together.
	reconcileTimeout = 30 * time.Second
)

// SetUp has the manager run the claims controller, as leader. It must be called
// before the manager starts, and before anything calls Prepare.
func (r *Reconciler) SetUp(ctx context.Context, mgr manager.Manager, downstream cache.Cache) error {
	if err := mgr.GetFieldIndexer().IndexField(ctx, &corev1.PersistentVolume{}, claimRefIndex, byClaimRef); err != nil {
		return fmt.Errorf("cannot index the upstream volumes: %w", err)
	}
	if err := mgr.GetFieldIndexer().IndexField(ctx, &corev1.Pod{}, claimsIndex, r.claims); err != nil {
		return fmt.Errorf("cannot index the upstream pods: %w", err)
	}
	r.retries = retry.NewLimiter[reconcile.Request](firstRetry, lastRetry)
	r.woken = make(chan event.TypedGenericEvent[*corev1.Pod])
	// A resync of the caches is no news: what is wanted again asks for it.
	news := builder.WithPredicates(predicate.ResourceVersionChangedPredicate{})
	err := builder.ControllerManagedBy(mgr).
		Named("claims").
		For(&corev1.PersistentVolumeClaim{}, news).
		Watches(&corev1.PersistentVolume{}, handler.EnqueueRequestsFromMapFunc(claimOf), news).
		Watches(&storagev1.StorageClass{}, handler.EnqueueRequestsFromMapFunc(r.claimsOfClass), news).
		WatchesRawSource(source.Kind(downstream, &corev1.PersistentVolumeClaim{},
			handler.TypedEnqueueRequestsFromMapFunc(r.upstreamOf), predicate.TypedResourceVersionChangedPredicate[*corev1.PersistentVolumeClaim]{})).
		WatchesRawSource(r.retries.Source()).
		WithOptions(controller.Options{
			RateLimiter:           r.retries,
			ReconciliationTimeout: reconcileTimeout,
			// A downstream cluster that is down when we start is waited for.
			CacheSyncTimeout: math.MaxInt64,
		}).
		Complete(r)
	if err != nil {
		return fmt.Errorf("cannot set up the claims controller: %w", err)
	}
	return nil
}

// Recovered has the claims that failed tried again at once. It must not be called
// before SetUp.
func (r *Reconciler) Recovered() { r.retries.Recovered() }

// Woken is the source of the upstream pods that may have waited for a claim. It is
// there after SetUp.
func (r *Reconciler) Woken() source.Source {
	return source.Channel(r.woken, &handler.TypedEnqueueRequestForObject[*corev1.Pod]{})
}

// wake has the virtual node's pods that refer to a claim, and have not started,
// looked at again.
func (r *Reconciler) wake(ctx context.Context, claim types.NamespacedName) error {
	var list corev1.PodList
	if err := r.Upstream.Client.List(ctx, &list, client.InNamespace(claim.Namespace), client.MatchingFields{claimsIndex: claim.Name}); err != nil {
		return fmt.Errorf("cannot list the upstream pods: %w", err)
	}
	for i := range list.Items {
		if list.Items[i].Status.Phase != corev1.PodPending {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case r.woken <- event.TypedGenericEvent[*corev1.Pod]{Object: &list.Items[i]}:
		}
	}
	return nil
}

// claims are the names of the claims that a pod refers to. Those of generic
// ephemeral volumes are not among them: the downstream cluster makes them.
func (r *Reconciler) claims(object client.Object) []string {
	pod, is := object.(*corev1.Pod)
	if !is {
		return nil
	}
	var names []string
	for _, reference := range translate.References(pod, r.Rules) {
		if reference.Kind == translate.Claim {
			names = append(names, reference.Name)
		}
	}
	return names
}

func byClaimRef(object client.Object) []string {
	if volume, is := object.(*corev1.PersistentVolume); is && volume.Spec.ClaimRef != nil {
		return []string{types.NamespacedName{Namespace: volume.Spec.ClaimRef.Namespace, Name: volume.Spec.ClaimRef.Name}.String()}
	}
	return nil
}

// claimOf is the claim that an upstream volume names.
func claimOf(_ context.Context, object client.Object) []reconcile.Request {
	volume, is := object.(*corev1.PersistentVolume)
	if !is || volume.Spec.ClaimRef == nil {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: volume.Spec.ClaimRef.Namespace, Name: volume.Spec.ClaimRef.Name}}}
}

// claimsOfClass are the claims that wait for an upstream class to be there, or to
// be of another kind.
func (r *Reconciler) claimsOfClass(ctx context.Context, class client.Object) []reconcile.Request {
	var list corev1.PersistentVolumeClaimList
	if err := r.Upstream.Client.List(ctx, &list); err != nil {
		logf.FromContext(ctx).Error(err, "Cannot list the upstream claims", "class", class.GetName())
		return nil
	}
	var requests []reconcile.Request
	for i := range list.Items {
		if claim := &list.Items[i]; claim.Spec.VolumeName == "" && volume.GetPersistentVolumeClaimClass(claim) == class.GetName() {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(claim)})
		}
	}
	return requests
}

// upstreamOf is the upstream claim that a downstream one of ours stands for.
func (r *Reconciler) upstreamOf(_ context.Context, claim *corev1.PersistentVolumeClaim) []reconcile.Request {
	namespace, ours := r.Rules.Namespaces.Upstream(claim.Namespace)
	if !ours || !r.Rules.Owns(claim) {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: namespace, Name: claim.Name}}}
}
