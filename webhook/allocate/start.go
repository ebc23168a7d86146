package allocate

import (
	"context"
	"fmt"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Watch takes note of what happens to nodes, pods and WorkloadSpreads in a cache
// from now on. It must be called before the first Decide that matters.
func (a *Allocator) Watch(ctx context.Context, c cache.Cache) error {
	for _, watched := range []struct {
		object  client.Object
		handler toolscache.ResourceEventHandler
	}{
		{&corev1.Node{}, a.virtual.handler()},
		{&corev1.Pod{}, a.gone.handler(a.now)},
		{&v1alpha1.WorkloadSpread{}, toolscache.ResourceEventHandlerFuncs{AddFunc: a.meet, DeleteFunc: a.forget}},
	} {
		informer, err := c.GetInformer(ctx, watched.object, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("cannot watch %T: %w", watched.object, err)
		}
		if _, err := informer.AddEventHandler(watched.handler); err != nil {
			return fmt.Errorf("cannot watch %T: %w", watched.object, err)
		}
	}
	return nil
}

// meet takes note of a WorkloadSpread.
func (a *Allocator) meet(object any) {
	if ws, ok := object.(*v1alpha1.WorkloadSpread); ok {
		a.metrics.meet(ws.Namespace, ws.Name)
	}
}

// forget drops everything about a WorkloadSpread that is gone.
func (a *Allocator) forget(object any) {
	if tombstone, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		object = tombstone.Obj
	}
	ws, ok := object.(*v1alpha1.WorkloadSpread)
	if !ok {
		return
	}
	a.virtual.forget(ws.UID)
	a.lately.forget(ws.UID)
	a.metrics.forget(ws.Namespace, ws.Name)
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.latest, ws.UID)
}
