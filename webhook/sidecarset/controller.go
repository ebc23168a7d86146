package sidecarset

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/catalog"
	"github.com/spillway-io/spillway/webhook/sidecar"
)

const (
	name    = "sidecarset"
	workers = 4
	// firstRetry and lastRetry bound the pause after a failed pass.
	firstRetry = 100 * time.Millisecond
	lastRetry  = time.Minute
	// passTimeout bounds all requests of one pass together.
	passTimeout = 30 * time.Second
)

// setIndex finds pods by the SidecarSets in them.
const setIndex = "spillway.sidecarsets"

// Options configure the controller.
type Options struct {
	// Namespace is where the ControllerRevisions of SidecarSets are. If it is empty,
	// there is no history, and status.latestRevision stays empty.
	Namespace string
	Metrics   *Metrics
	// StandBack returns the name of another server of SidecarSets, such as
	// kruise-manager, empty if there is none. While there is one the controller
	// writes nothing. It is asked in every pass; nil means that there never is one.
	StandBack func(ctx context.Context) (string, error)
}

// Add has the manager run the controller as leader. The API server must serve
// SidecarSets already; the manager may be running. The manager's cache must hold
// pods, of those with sidecars also the names, images and restart policies of
// their containers; SidecarSets are read from it as package catalog watches them.
func Add(mgr manager.Manager, opts Options) error {
	// The context is that of making the index, which does not wait for anything.
	if err := mgr.GetFieldIndexer().IndexField(context.Background(), &corev1.Pod{}, setIndex, bySet); err != nil {
		return fmt.Errorf("cannot index pods by their SidecarSets: %w", err)
	}
	r := &reconciler{
		client:    mgr.GetClient(),
		cache:     mgr.GetCache(),
		live:      mgr.GetAPIReader(),
		events:    mgr.GetEventRecorder("spillway-" + name),
		clock:     clock.RealClock{},
		namespace: opts.Namespace,
		metrics:   opts.Metrics,
		standBack: opts.StandBack,
		memories:  map[string]*memory{},
	}
	b := builder.ControllerManagedBy(mgr).
		Named(name).
		For(catalog.NewObject(), builder.WithPredicates(setChanges())).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(setsIn), builder.WithPredicates(podChanges())).
		WatchesMetadata(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(r.setsAskingNamespaces),
			builder.WithPredicates(predicate.LabelChangedPredicate{})).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: workers,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
			ReconciliationTimeout:   passTimeout,
		})
	if opts.Namespace != "" {
		b = b.Watches(&appsv1.ControllerRevision{}, handler.EnqueueRequestsFromMapFunc(setOfRevision), builder.WithPredicates(deletions()))
	}
	if err := b.Complete(r); err != nil {
		return fmt.Errorf("cannot set up the controller of SidecarSets: %w", err)
	}
	return nil
}

func bySet(object client.Object) []string {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return nil
	}
	return sidecar.SetsIn(pod)
}

// setChanges lets through what a set is judged by. Its status is ours.
func setChanges() predicate.Predicate {
	return predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, predicate.LabelChangedPredicate{}, predicate.AnnotationChangedPredicate{})
}

func deletions() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		UpdateFunc:  func(event.UpdateEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

func setsIn(_ context.Context, object client.Object) []reconcile.Request {
	return requests(bySet(object)...)
}

func setOfRevision(_ context.Context, object client.Object) []reconcile.Request {
	if set := object.GetLabels()[api.SidecarSetNameLabel]; set != "" {
		return requests(set)
	}
	return nil
}

// setsAskingNamespaces are those with a namespaceSelector. Namespaces rarely
// change their labels.
func (r *reconciler) setsAskingNamespaces(ctx context.Context, _ client.Object) []reconcile.Request {
	var all unstructured.UnstructuredList
	all.SetGroupVersionKind(catalog.NewObject().GroupVersionKind())
	if err := r.cache.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		// Only a cache that never started says so, and then there is nobody to
		// enqueue for.
		return nil
	}
	var names []string
	for i := range all.Items {
		if _, asks, err := unstructured.NestedFieldNoCopy(all.Items[i].Object, "spec", "namespaceSelector"); err == nil && asks {
			names = append(names, all.Items[i].GetName())
		}
	}
	return requests(names...)
}

func requests(names ...string) []reconcile.Request {
	list := make([]reconcile.Request, len(names))
	for i := range names {
		list[i] = reconcile.Request{NamespacedName: types.NamespacedName{Name: names[i]}}
	}
	return list
}
