package workloadspread

import (
	"context"
	"fmt"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/spillway-io/spillway/webhook/spread"
)

const (
	name    = "workloadspread"
	workers = 4
	// firstRetry and lastRetry bound the pause after a failed pass. The longest
	// is short, since a failed pass has forgotten when to look again.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 10 * time.Second
	// passTimeout bounds all requests of one pass together.
	passTimeout = 30 * time.Second
)

// Workloads knows the workloads that WorkloadSpreads target.
type Workloads interface {
	// Target returns what is known of ws's target; ok is false if it does not
	// exist.
	Target(ctx context.Context, ws *v1alpha1.WorkloadSpread) (target spread.Target, ok bool, err error)
	// Pods returns the opted-in pods that ws's target controls, directly or
	// through others, and that its filter selects. They are shared memory.
	Pods(ctx context.Context, ws *v1alpha1.WorkloadSpread) ([]*corev1.Pod, error)
	// SpreadsFor returns the WorkloadSpreads that target the pod.
	SpreadsFor(ctx context.Context, pod *corev1.Pod) []types.NamespacedName
}

// Options configure the controller.
type Options struct {
	Workloads Workloads
	Metrics   *Metrics
	// Backoff is how long a subset that cannot schedule pods is passed over
	// before one pod may try it again.
	Backoff spread.Backoff
}

// DefaultBackoff is what Options.Backoff should be unless somebody asks for
// something else: 5 minutes, doubled with each probe that fails, up to an hour.
func DefaultBackoff() spread.Backoff {
	return spread.Backoff{Base: 5 * time.Minute, Max: time.Hour}
}

// Add has the manager run the controller as leader. The API server must serve
// WorkloadSpreads already; the manager may be running. The manager's cache must
// hold pods as the typed object, and the workloads of this package's watches as
// unstructured ones; whether they are whole is Workloads' business.
func Add(mgr manager.Manager, opts Options) error {
	r := &reconciler{
		client:    mgr.GetClient(),
		live:      mgr.GetAPIReader(),
		events:    mgr.GetEventRecorder("spillway-" + name),
		clock:     clock.RealClock{},
		workloads: opts.Workloads,
		metrics:   opts.Metrics,
		backoff:   opts.Backoff,
		memories:  map[types.NamespacedName]*memory{},
	}
	b := builder.ControllerManagedBy(mgr).
		Named(name).
		For(&v1alpha1.WorkloadSpread{}).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(r.spreadsFor), builder.WithPredicates(podChanges())).
		Watches(&corev1.Node{}, handler.EnqueueRequestsFromMapFunc(r.allSpreads), builder.WithPredicates(nodeChanges())).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: workers,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
			ReconciliationTimeout:   passTimeout,
		})
	for _, kind := range watchedWorkloads() {
		object := &unstructured.Unstructured{}
		object.SetGroupVersionKind(kind)
		b = b.Watches(object, handler.EnqueueRequestsFromMapFunc(r.spreadsTargeting(kind.GroupKind())),
			// Replicas and template are in the spec, and all else does not matter.
			builder.WithPredicates(predicate.GenerationChangedPredicate{}))
	}
	if err := b.Complete(r); err != nil {
		return fmt.Errorf("cannot set up the controller of WorkloadSpreads: %w", err)
	}
	return nil
}

// watchedWorkloads are the targets whose own changes are noticed at once. A
// change of any other is noticed by what it does to its pods.
func watchedWorkloads() []schema.GroupVersionKind {
	return []schema.GroupVersionKind{
		appsv1.SchemeGroupVersion.WithKind("Deployment"),
		appsv1.SchemeGroupVersion.WithKind("ReplicaSet"),
		appsv1.SchemeGroupVersion.WithKind("StatefulSet"),
		batchv1.SchemeGroupVersion.WithKind("Job"),
	}
}

func (r *reconciler) spreadsFor(ctx context.Context, object client.Object) []reconcile.Request {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return nil
	}
	keys := r.workloads.SpreadsFor(ctx, pod)
	requests := make([]reconcile.Request, len(keys))
	for i, key := range keys {
		requests[i] = reconcile.Request{NamespacedName: key}
	}
	return requests
}

// allSpreads are those of the cluster: any of them may have a subset on a node.
func (r *reconciler) allSpreads(ctx context.Context, _ client.Object) []reconcile.Request {
	var all v1alpha1.WorkloadSpreadList
	if err := r.client.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		return nil // as in spreadsTargeting
	}
	requests := make([]reconcile.Request, len(all.Items))
	for i := range all.Items {
		requests[i] = reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&all.Items[i])}
	}
	return requests
}

// spreadsTargeting finds the WorkloadSpreads whose target is a workload of that
// kind.
func (r *reconciler) spreadsTargeting(kind schema.GroupKind) handler.MapFunc {
	return func(ctx context.Context, object client.Object) []reconcile.Request {
		var all v1alpha1.WorkloadSpreadList
		if err := r.client.List(ctx, &all, client.InNamespace(object.GetNamespace()), client.UnsafeDisableDeepCopy); err != nil {
			// Only a cache that never started says so, and then there is nobody
			// to enqueue for.
			return nil
		}
		var requests []reconcile.Request
		for i := range all.Items {
			if spread.Targets(&all.Items[i], spread.Owner{GroupKind: kind, Name: object.GetName()}) {
				requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&all.Items[i])})
			}
		}
		return requests
	}
}
