package workload

import (
	"iter"
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
	now func() time.Time

	mu   sync.Mutex
	all  map[inNamespace]*spread.Roll
	seen progress
}

// inNamespace is a controller by its index key.
type inNamespace struct{ namespace, controller string }

// turnout counts the pods of controllers, by their index keys, for ws.
func (r *rolls) turnout(ws *v1alpha1.WorkloadSpread, controllers iter.Seq[string], now time.Time) *spread.Turnout {
	r.mu.Lock()
	defer r.mu.Unlock()
	var theirs []*spread.Roll
	for controller := range controllers {
		if roll := r.all[inNamespace{ws.Namespace, controller}]; roll != nil {
			theirs = append(theirs, roll)
		}
	}
	return spread.TurnoutOf(ws, now, r.seen.before(now.Add(-spread.SettledAfter)), theirs...)
}

// seenUpTo is the resource version up to which all pods have been counted.
func (r *rolls) seenUpTo(now time.Time) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen.before(now.Add(-spread.HeardAfter))
}

// list takes note that all pods of a list have been counted.
func (r *rolls) list(resourceVersion string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.list(resourceVersion, r.now())
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
	for _, pod := range []*corev1.Pod{was, is} {
		if pod != nil {
			r.seen.see(pod.ResourceVersion, r.now())
		}
	}
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
