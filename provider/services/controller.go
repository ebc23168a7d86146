package services

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/spillway-io/spillway/provider/retry"
)

const (
	// workers is how many Services are worked on at a time.
	workers = 2
	// firstRetry and lastRetry bound the pause between tries of one Service.
	firstRetry = 5 * time.Millisecond
	lastRetry  = 30 * time.Second
	// reconcileTimeout bounds all requests of one reconciliation together, also of
	// all Services of a namespace; what is left then is tried again.
	reconcileTimeout = time.Minute
)

// SetUp has the manager run the reconciler, as leader. From the start it watches
// upstream namespaces, our pods and our copies, which are none as long as no
// namespace is chosen; upstream Services and EndpointSlices only from the first
// chosen namespace on.
func (r *Reconciler) SetUp(mgr manager.Manager, downstream cache.Cache) error {
	upstream := mgr.GetCache()
	r.retries = retry.NewLimiter[reconcile.Request](firstRetry, lastRetry)
	c, err := builder.ControllerManagedBy(mgr).
		Named("services").
		WatchesRawSource(watch(upstream, namespaceMetadata(), func(o client.Object) types.NamespacedName {
			return types.NamespacedName{Namespace: o.GetName()}
		})).
		WatchesRawSource(watch(upstream, &corev1.Pod{}, whole, created())).
		WatchesRawSource(watch(downstream, &corev1.Service{}, r.above)).
		WatchesRawSource(watch(downstream, &discoveryv1.EndpointSlice{}, r.above)).
		WatchesRawSource(r.retries.Source()).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: workers,
			RateLimiter:             r.retries,
			ReconciliationTimeout:   reconcileTimeout,
			// A downstream cluster that is down when we start is waited for.
			CacheSyncTimeout: math.MaxInt64,
		}).
		Build(r)
	if err != nil {
		return fmt.Errorf("cannot set up the services controller: %w", err)
	}
	r.watched = sync.OnceValue(func() error {
		return errors.Join(
			begin(c, upstream, &corev1.Service{}, client.ObjectKeyFromObject),
			begin(c, upstream, &discoveryv1.EndpointSlice{}, serviceOf))
	})
	return nil
}

// Recovered has the Services that failed tried again at once. It must not be called
// before SetUp.
func (r *Reconciler) Recovered() { r.retries.Recovered() }

// begin has a controller that is running watch another kind. When it returns, the
// cache knows the kind: reading from it waits until it is filled.
func begin(c controller.Controller, from cache.Cache, kind client.Object, key func(client.Object) types.NamespacedName) error {
	if _, err := from.GetInformer(context.Background(), kind, cache.BlockUntilSynced(false)); err != nil {
		return fmt.Errorf("cannot watch %T: %w", kind, err)
	}
	if err := c.Watch(watch(from, kind, key)); err != nil {
		return fmt.Errorf("cannot watch %T: %w", kind, err)
	}
	return nil
}

// created lets through what is new, also to us.
func created() predicate.Predicate {
	return predicate.Funcs{
		UpdateFunc: func(event.UpdateEvent) bool { return false },
		DeleteFunc: func(event.DeleteEvent) bool { return false },
	}
}

// watch has the request that key returns made for every event of a kind, unless
// it is empty.
func watch(from cache.Cache, kind client.Object, key func(client.Object) types.NamespacedName, only ...predicate.Predicate) source.Source {
	return source.Kind(from, kind, handler.TypedEnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []reconcile.Request {
		found := key(o)
		if found.Namespace == "" {
			return nil
		}
		return []reconcile.Request{{NamespacedName: found}}
	}), only...)
}

// whole is the namespace that an object is in.
func whole(object client.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: object.GetNamespace()}
}

// serviceOf is the Service that a slice is of; one without a Service is nobody's.
func serviceOf(slice client.Object) types.NamespacedName {
	name := slice.GetLabels()[discoveryv1.LabelServiceName]
	if name == "" {
		return types.NamespacedName{}
	}
	return types.NamespacedName{Namespace: slice.GetNamespace(), Name: name}
}

// above is the upstream Service that a downstream Service or slice of ours is for.
func (r *Reconciler) above(ours client.Object) types.NamespacedName {
	key := client.ObjectKeyFromObject(ours)
	if _, isSlice := ours.(*discoveryv1.EndpointSlice); isSlice {
		key = serviceOf(ours)
	}
	upstream, found := r.Identity.Namespaces.Upstream(key.Namespace)
	if !found {
		return types.NamespacedName{}
	}
	return types.NamespacedName{Namespace: upstream, Name: key.Name}
}
