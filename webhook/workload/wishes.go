package workload

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	"github.com/spillway-io/spillway/webhook/spread"
)

// wishWindow is how long a controller may go on creating pods by a wish that has
// been changed meanwhile. kube-controller-manager creates 500 pods between two
// looks, at 20 a second unless it is told otherwise.
const wishWindow = time.Minute

// wishes remembers how many pods the controllers of workloads have wanted lately:
// one that was just told to want fewer may not know yet.
type wishes struct {
	now func() time.Time

	mu  sync.Mutex
	all map[types.UID]*history
}

// history is what one workload has wanted.
type history struct {
	// whole is from when on there is no older wish that was not seen.
	whole time.Time
	past  []wish
}

type wish struct {
	until time.Time
	pods  int
}

// most returns how many pods the workload's controller may want by what the
// workload says now or has said lately. It is not known if older wishes may not
// have been seen.
func (w *wishes) most(workload *unstructured.Unstructured) (n int, known bool) {
	n, settled, known := spread.WantedOf(workload)
	if settled || !known {
		return n, known
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.all[workload.GetUID()]
	if h == nil || w.now().Before(h.whole) {
		return 0, false
	}
	for _, past := range h.past {
		if past.until.After(w.now().Add(-wishWindow)) {
			n = max(n, past.pods)
		}
	}
	return n, true
}

// handler takes note of wishes as they change.
func (w *wishes) handler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) {
			if workload, ok := object.(*unstructured.Unstructured); ok {
				w.begin(workload)
			}
		},
		UpdateFunc: func(before, after any) {
			was, ok := before.(*unstructured.Unstructured)
			if is, isToo := after.(*unstructured.Unstructured); ok && isToo && was.GetGeneration() != is.GetGeneration() {
				w.change(was)
			}
		},
		DeleteFunc: func(object any) {
			if tombstone, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = tombstone.Obj
			}
			if workload, ok := object.(*unstructured.Unstructured); ok {
				w.mu.Lock()
				defer w.mu.Unlock()
				delete(w.all, workload.GetUID())
			}
		},
	}
}

// begin starts the history of a workload. One that has not been changed yet has
// none to miss.
func (w *wishes) begin(workload *unstructured.Unstructured) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := &history{whole: w.now()}
	if workload.GetGeneration() > 1 {
		h.whole = w.now().Add(wishWindow)
	}
	w.all[workload.GetUID()] = h
}

// change files what a workload wanted until now.
func (w *wishes) change(was *unstructured.Unstructured) {
	n, _, known := spread.WantedOf(was)
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.all[was.GetUID()]
	if !known || h == nil {
		return
	}
	// What is older than the window is of no use, and this is when it grows.
	recent := h.past[:0]
	for _, past := range h.past {
		if past.until.After(w.now().Add(-wishWindow)) {
			recent = append(recent, past)
		}
	}
	recent = append(recent, wish{until: w.now(), pods: n})
	h.past = recent
}
