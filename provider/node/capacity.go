package node

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/provider/capacity"
)

// settle is how long changes downstream are collected before the capacity is
// computed again: a rollout there is hundreds of events.
const settle = time.Second

// capacityWatch computes the capacity again whenever the downstream cluster's
// nodes, or pods that are not ours, have changed.
type capacityWatch struct {
	downstream cache.Cache
	ours       func(*corev1.Pod) bool
	// changed holds at most one wish, since one computation fulfils all.
	changed chan struct{}
}

// watchCapacity subscribes to the downstream cache, which need not run yet.
func watchCapacity(ctx context.Context, downstream cache.Cache, ours func(*corev1.Pod) bool) (*capacityWatch, error) {
	w := &capacityWatch{downstream: downstream, ours: ours, changed: make(chan struct{}, 1)}
	nodes, err := downstream.GetInformer(ctx, &corev1.Node{}, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, fmt.Errorf("cannot watch the downstream nodes: %w", err)
	}
	pods, err := downstream.GetInformer(ctx, &corev1.Pod{}, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, fmt.Errorf("cannot watch the downstream pods: %w", err)
	}
	for _, informer := range []cache.Informer{nodes, pods} {
		if _, err := informer.AddEventHandler(toolscache.FilteringResourceEventHandler{
			FilterFunc: w.counts,
			Handler: toolscache.ResourceEventHandlerFuncs{
				AddFunc:    func(any) { w.wish() },
				UpdateFunc: func(any, any) { w.wish() },
				DeleteFunc: func(any) { w.wish() },
			},
		}); err != nil {
			return nil, fmt.Errorf("cannot watch the downstream capacity: %w", err)
		}
	}
	return w, nil
}

// counts says whether an object has a part in the capacity.
func (w *capacityWatch) counts(object any) bool {
	pod, isPod := object.(*corev1.Pod)
	return !isPod || !w.ours(pod)
}

func (w *capacityWatch) wish() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// run sends every new capacity until ctx ends. It begins when the cache is
// filled: a cluster half known would look small.
func (w *capacityWatch) run(ctx context.Context, capacities chan<- corev1.ResourceList) {
	if !w.downstream.WaitForCacheSync(ctx) {
		return
	}
	var last corev1.ResourceList
	for pause := time.Duration(0); ; pause = settle {
		select {
		case <-ctx.Done():
			return
		case <-w.changed:
		}
		if !waitFor(ctx, pause) {
			return
		}
		free, err := w.compute(ctx)
		if err != nil {
			logf.FromContext(ctx).Error(err, "Capacity unknown")
			continue
		}
		if last != nil && apiequality.Semantic.DeepEqual(last, free) {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case capacities <- free:
			last = free
		}
	}
}

func (w *capacityWatch) compute(ctx context.Context) (corev1.ResourceList, error) {
	var nodes corev1.NodeList
	if err := w.downstream.List(ctx, &nodes); err != nil {
		return nil, fmt.Errorf("cannot list the downstream nodes: %w", err)
	}
	var pods corev1.PodList
	if err := w.downstream.List(ctx, &pods); err != nil {
		return nil, fmt.Errorf("cannot list the downstream pods: %w", err)
	}
	return capacity.Free(nodes.Items, pods.Items, w.ours), nil
}

// waitFor returns false when ctx ended first.
func waitFor(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
