package workload

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/spread"
)

// controllerIndex finds pods by the workload that controls them directly.
const controllerIndex = "spillway.controller"

// Reader reads workloads and their pods. Its methods return nothing found until
// Start has returned, since without the kind there can be no WorkloadSpread.
type Reader struct {
	// cache is filled by Start.
	cache cache.Cache
	// live reads from the API server.
	live client.Reader
	// scales reads scale subresources, which no cache has.
	scales client.Client

	wishes  wishes
	started atomic.Bool
}

// NewReader returns a reader of a cluster: by its cache, which must have been made
// with CacheOptions, and by clients of its API server.
func NewReader(cached cache.Cache, live client.Reader, scales client.Client) *Reader {
	return &Reader{
		cache: cached, live: live, scales: scales,
		wishes: wishes{now: time.Now, all: map[types.UID]*history{}},
	}
}

// CacheOptions say how little of each object is kept. Only pods that opted in
// are: the webhook has put the label on all of them.
func CacheOptions() map[client.Object]cache.ByObject {
	optedIn := labels.SelectorFromSet(labels.Set{api.OptInLabel: api.OptedIn})
	byObject := map[client.Object]cache.ByObject{
		&corev1.Pod{}:  {Label: optedIn, Transform: slimPod},
		&corev1.Node{}: {Transform: slimNode},
	}
	for _, kind := range cachedKinds() {
		byObject[newWorkload(kind)] = cache.ByObject{Transform: slimWorkload}
	}
	return byObject
}

// cachedKinds are the workloads that are held in caches.
func cachedKinds() []schema.GroupVersionKind {
	return []schema.GroupVersionKind{
		appsv1.SchemeGroupVersion.WithKind("Deployment"),
		replicaSetKind(),
		appsv1.SchemeGroupVersion.WithKind("StatefulSet"),
		batchv1.SchemeGroupVersion.WithKind("Job"),
	}
}

func replicaSetKind() schema.GroupVersionKind {
	return appsv1.SchemeGroupVersion.WithKind("ReplicaSet")
}

// cachedKind returns the version under which a kind is cached.
func cachedKind(kind schema.GroupKind) (schema.GroupVersionKind, bool) {
	for _, cached := range cachedKinds() {
		if cached.GroupKind() == kind {
			return cached, true
		}
	}
	return schema.GroupVersionKind{}, false
}

func newWorkload(kind schema.GroupVersionKind) *unstructured.Unstructured {
	workload := &unstructured.Unstructured{}
	workload.SetGroupVersionKind(kind)
	return workload
}

// Start fills the caches and waits until they are full, or ctx ends. The API
// server must serve WorkloadSpreads.
func (r *Reader) Start(ctx context.Context) error {
	if err := r.cache.IndexField(ctx, &corev1.Pod{}, controllerIndex, byController); err != nil {
		return fmt.Errorf("cannot index pods by their controllers: %w", err)
	}
	objects := []client.Object{&v1alpha1.WorkloadSpread{}, &corev1.Pod{}, &corev1.Node{}}
	for _, kind := range cachedKinds() {
		objects = append(objects, newWorkload(kind))
	}
	for _, object := range objects {
		informer, err := r.cache.GetInformer(ctx, object, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("cannot watch %T: %w", object, err)
		}
		if _, isWorkload := object.(*unstructured.Unstructured); !isWorkload {
			continue
		}
		if _, err := informer.AddEventHandler(r.wishes.handler()); err != nil {
			return fmt.Errorf("cannot watch the wishes of workloads: %w", err)
		}
	}
	if !r.cache.WaitForCacheSync(ctx) {
		return fmt.Errorf("cannot fill the caches of workloads: %w", context.Cause(ctx))
	}
	r.started.Store(true)
	return nil
}

func byController(object client.Object) []string {
	owner, ok := spread.ControllerOf(object)
	if !ok {
		return nil
	}
	return []string{indexKey(owner)}
}

// indexKey names a workload in its namespace.
func indexKey(owner spread.Owner) string {
	return owner.String() + "/" + owner.Name
}
