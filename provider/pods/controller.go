package pods

import (
	"context"
	"fmt"
	"math"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

const (
	// firstRetry and lastRetry bound the pause between tries of one pod.
	firstRetry = 5 * time.Millisecond
	lastRetry  = 30 * time.Second
	// reconcileTimeout bounds all requests of one reconciliation together.
	reconcileTimeout = 30 * time.Second
)

// SetUp has the manager run the reconciler, as leader, with that many pods at a
// time, as soon as both caches are filled. The upstream cache must hold only the
// pods of the virtual node; the downstream cache must hold ours whole. wakeUps name
// upstream pods to look at again, such as those that a preparer kept waiting.
func (r *Reconciler) SetUp(mgr manager.Manager, downstream cache.Cache, recovery *Recovery, workers int, wakeUps ...source.Source) error {
	if err := mgr.Add(recovery); err != nil {
		return fmt.Errorf("cannot schedule the recovery: %w", err)
	}
	pods := builder.ControllerManagedBy(mgr).
		Named("pods").
		For(&corev1.Pod{}).
		WatchesRawSource(source.Kind(downstream, &corev1.Pod{}, r.handle(), r.concernsUs())).
		WatchesRawSource(recovery.source()).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: workers,
			// No overall rate: the API servers' own flow control knows better.
			RateLimiter:           workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
			ReconciliationTimeout: reconcileTimeout,
			// A downstream cluster that is down when we start is waited for.
			CacheSyncTimeout: math.MaxInt64,
		})
	for _, wakeUp := range wakeUps {
		pods = pods.WatchesRawSource(wakeUp)
	}
	if err := pods.Complete(r); err != nil {
		return fmt.Errorf("cannot set up the pods controller: %w", err)
	}
	return nil
}

// above names the upstream pod that a downstream pod stands for, or keeps from
// having one: none in a namespace that stands for none.
func (n Node) above(_ context.Context, downstream *corev1.Pod) []reconcile.Request {
	namespace, mapped := n.Namespaces.Upstream(downstream.Namespace)
	if !mapped {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: namespace, Name: downstream.Name}}}
}

// concernsUs lets through events of our downstream pods, and every deletion: it
// may have freed a name.
func (r *Reconciler) concernsUs() predicate.TypedPredicate[*corev1.Pod] {
	return predicate.TypedFuncs[*corev1.Pod]{
		CreateFunc: func(e event.TypedCreateEvent[*corev1.Pod]) bool { return r.Node.Owns(e.Object) },
		UpdateFunc: func(e event.TypedUpdateEvent[*corev1.Pod]) bool {
			return r.Node.Owns(e.ObjectNew) || r.Node.Owns(e.ObjectOld)
		},
		GenericFunc: func(e event.TypedGenericEvent[*corev1.Pod]) bool { return r.Node.Owns(e.Object) },
		DeleteFunc:  func(event.TypedDeleteEvent[*corev1.Pod]) bool { return true },
	}
}
