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
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/spread"
)

// controllerIndex finds pods and workloads by the workload that controls them directly.
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
	rolls   rolls
	targets targets
	started atomic.Bool
}

// NewReader returns a reader of a cluster: by its cache, which must have been made
// with CacheOptions, and by clients of its API server.
func NewReader(cached cache.Cache, live client.Reader, scales client.Client) *Reader {
	return &Reader{
		cache: cached, live: live, scales: scales,
		wishes: wishes{now: time.Now, all: map[types.UID]*history{}},
		rolls:  rolls{now: time.Now, all: map[inNamespace]*spread.Roll{}}, targets: newTargets(),
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
	watched := []watch{
		{object: &v1alpha1.WorkloadSpread{}, handler: r.targets.handler()},
		{object: &corev1.Node{}, handler: toolscache.ResourceEventHandlerFuncs{}},
		{object: &corev1.Pod{}, handler: r.rolls.handler(), indexed: true},
	}
	for _, kind := range cachedKinds() {
		watched = append(watched, watch{object: newWorkload(kind), handler: r.wishes.handler(), indexed: true})
	}
	var synced []toolscache.InformerSynced
	for _, w := range watched {
		told, err := w.begin(ctx, r.cache)
		if err != nil {
			return fmt.Errorf("cannot watch %T: %w", w.object, err)
		}
		synced = append(synced, told)
	}
	if !r.cache.WaitForCacheSync(ctx) || !toolscache.WaitForCacheSync(ctx.Done(), synced...) {
		return fmt.Errorf("cannot fill the caches of workloads: %w", context.Cause(ctx))
	}
	if err := r.noteListed(ctx); err != nil {
		return err
	}
	r.started.Store(true)
	return nil
}

// noteListed takes note of up to where pods were listed. Without it a replica that starts
// would read pods live until the first of a burst is there, if the last ones were deleted.
func (r *Reader) noteListed(ctx context.Context) error {
	informer, err := r.cache.GetInformer(ctx, &corev1.Pod{}, cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("cannot watch pods: %w", err)
	}
	if listed, ok := informer.(interface{ LastSyncResourceVersion() string }); ok {
		r.rolls.list(listed.LastSyncResourceVersion())
	}
	return nil
}

// watch is one kind that is watched.
type watch struct {
	object  client.Object
	handler toolscache.ResourceEventHandler
	// indexed: by controllerIndex.
	indexed bool
}

// begin returns what says that the handler was told of all there is.
func (w watch) begin(ctx context.Context, c cache.Cache) (toolscache.InformerSynced, error) {
	if w.indexed {
		if err := c.IndexField(ctx, w.object, controllerIndex, byController); err != nil {
			return nil, err
		}
	}
	informer, err := c.GetInformer(ctx, w.object, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, err
	}
	told, err := informer.AddEventHandler(w.handler)
	if err != nil {
		return nil, err
	}
	return told.HasSynced, nil
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
