package workload

import (
	"sync"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/spillway-io/spillway/webhook/spread"
)

// rolls count the pods of each controller, from what happens to them: as late as the
// cache, or a little later. Reservations outlast either.
type rolls struct {
	mu  sync.Mutex
	all map[inNamespace]*spread.Roll
}

// inNamespace is a controller by its index key.
type inNamespace struct{ namespace, controller string }

// addTo adds the pods of one controller to a turnout.
func (r *rolls) addTo(t *spread.Turnout, of inNamespace, ws *v1alpha1.WorkloadSpread, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if roll := r.all[of]; roll != nil {
		roll.AddTo(t, ws, now)
	}
}

// handler takes note of pods.
func (r *rolls) handler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) { r.change(nil, object) },
		// Who controls a pod can change, too.
		UpdateFunc: r.change,
		DeleteFunc: func(object any) {
			if tombstone, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = tombstone.Obj
			}
			r.change(object, nil)
		},
	}
}

// change counts a pod as it is, and no longer as it was; either can be missing.
func (r *rolls) change(before, after any) {
	was, wasPod := before.(*corev1.Pod)
	is, isPod := after.(*corev1.Pod)
	r.mu.Lock()
	defer r.mu.Unlock()
	if wasPod {
		if owner, ok := spread.ControllerOf(was); ok {
			r.drop(inNamespace{was.Namespace, indexKey(owner)}, was.Name)
		}
	}
	if !isPod {
		return
	}
	owner, ok := spread.ControllerOf(is)
	if !ok {
		return
	}
	of := inNamespace{is.Namespace, indexKey(owner)}
	roll := r.all[of]
	if roll == nil {
		roll = &spread.Roll{}
		r.all[of] = roll
	}
	roll.Put(is)
}

func (r *rolls) drop(of inNamespace, name string) {
	roll := r.all[of]
	if roll == nil {
		return
	}
	roll.Drop(name)
	if roll.IsEmpty() {
		delete(r.all, of)
	}
}
