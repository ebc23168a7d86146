package allocate

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/spread"
)

// virtualSubsets remembers which subsets mean virtual nodes, and which of these are
// cordoned: finding out means matching every node.
type virtualSubsets struct {
	// epoch changes with the nodes.
	epoch atomic.Int64

	mu    sync.Mutex
	known map[types.UID]subsets
}

// subsets is what was found for one WorkloadSpread, and when it holds.
type subsets struct {
	generation, epoch int64
	listed            string
	virtual, cordoned map[string]bool
	warnings          []string
}

func (a *Allocator) virtualSubsets(ctx context.Context, ws *v1alpha1.WorkloadSpread) (subsets, error) {
	now := subsets{generation: ws.Generation, epoch: a.virtual.epoch.Load(), listed: ws.Annotations[api.VirtualSubsetsAnnotation]}
	a.virtual.mu.Lock()
	before, ok := a.virtual.known[ws.UID]
	a.virtual.mu.Unlock()
	if ok && before.generation == now.generation && before.epoch == now.epoch && before.listed == now.listed {
		return before, nil
	}
	nodes, err := a.workloads.Nodes(ctx)
	if err != nil {
		return subsets{}, err
	}
	now.virtual, now.warnings = spread.VirtualSubsets(ws, nodes)
	now.cordoned = spread.CordonedSubsets(ws, now.virtual, nodes)
	a.virtual.mu.Lock()
	defer a.virtual.mu.Unlock()
	a.virtual.known[ws.UID] = now
	return now, nil
}

// forget drops what is known of a WorkloadSpread that is gone.
func (v *virtualSubsets) forget(ws types.UID) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.known, ws)
}

// handler takes note of changes by which another subset can become virtual, or
// cordoned.
func (v *virtualSubsets) handler() cache.ResourceEventHandler {
	changed := func() { v.epoch.Add(1) }
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { changed() },
		DeleteFunc: func(any) { changed() },
		UpdateFunc: func(before, after any) {
			a, aIsNode := before.(*corev1.Node)
			b, bIsNode := after.(*corev1.Node)
			if !aIsNode || !bIsNode || a.Spec.Unschedulable != b.Spec.Unschedulable || !maps.Equal(a.Labels, b.Labels) {
				changed()
			}
		},
	}
}
