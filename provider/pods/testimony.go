package pods

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// releasing is how long an upstream pod that was asked to be removed is waited for.
const releasing = 2 * time.Second

// testimony is what this process did itself to end pods, and what API servers
// announced since; nobody needs to ask them for that again.
//
// That a downstream pod is gone for good needs all of it: the upstream pod was being
// deleted, so that nobody creates another one for it; then the API server accepted our
// deletion of the pod with that UID, so that it was still the one there; and then it
// announced that pod's end. What a list lacks is announced by nobody: an informer says
// so, or its pod has no UID (package relist).
//
// Reading would not say more: a pod that is created after that, by a process whose
// claim has run out, is created after the reading, too.
//
// The zero value has seen nothing. It forgets a pod when the upstream pod is gone.
type testimony struct {
	mu    sync.Mutex
	known map[types.NamespacedName]deeds
}

// deeds are about one upstream pod.
type deeds struct {
	upstream, downstream types.UID
	// accepted is our deletion of the downstream pod, over its end.
	accepted, over bool
	// released is when the upstream API server was last asked to remove its pod, and
	// has accepted that; zero if it was not.
	released time.Time
}

func (t *testimony) edit(key types.NamespacedName, edit func(*deeds)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil {
		t.known = map[types.NamespacedName]deeds{}
	}
	d := t.known[key]
	edit(&d)
	t.known[key] = d
}

// creates notes that there is to be a new downstream pod: nothing is known of its end.
func (t *testimony) creates(key types.NamespacedName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.known, key)
}

// deletes notes that the deletion of a downstream pod is about to be asked for.
func (t *testimony) deletes(key types.NamespacedName, upstream, downstream types.UID) {
	t.edit(key, func(d *deeds) { *d = deeds{upstream: upstream, downstream: downstream} })
}

// deleted notes that it was accepted.
func (t *testimony) deleted(key types.NamespacedName) {
	t.edit(key, func(d *deeds) { d.accepted = true })
}

// released notes that the upstream API server is removing its pod.
func (t *testimony) released(key types.NamespacedName, upstream types.UID, now time.Time) {
	t.edit(key, func(d *deeds) {
		if d.upstream != upstream {
			*d = deeds{upstream: upstream}
		}
		d.released = now
	})
}

// ends notes that the end of a downstream pod was announced.
func (t *testimony) ends(key types.NamespacedName, downstream types.UID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if d, known := t.known[key]; known && downstream != "" && d.downstream == downstream {
		d.over = true
		t.known[key] = d
	}
}

// about returns what there is to say of an upstream pod; nil is one that is gone.
func (t *testimony) about(key types.NamespacedName, upstream *corev1.Pod, now time.Time) (ended, released bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	d, known := t.known[key]
	switch {
	case upstream == nil:
		delete(t.known, key)
		return false, false
	case !known || d.upstream != upstream.UID:
		return false, false
	}
	// A clock that was set back waits for nothing.
	since := now.Sub(d.released)
	return d.accepted && d.over, !d.released.IsZero() && since >= 0 && since < releasing
}

// handle has the upstream pods looked at for which the downstream ones stand, and
// witnesses the ends of those.
func (r *Reconciler) handle() handler.TypedEventHandler[*corev1.Pod, reconcile.Request] {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	look := handler.TypedEnqueueRequestsFromMapFunc(r.Node.above)
	return handler.TypedFuncs[*corev1.Pod, reconcile.Request]{
		CreateFunc:  look.Create,
		UpdateFunc:  look.Update,
		GenericFunc: look.Generic,
		DeleteFunc: func(ctx context.Context, e event.TypedDeleteEvent[*corev1.Pod], q queue) {
			if !e.DeleteStateUnknown && e.Object != nil {
				for _, request := range r.Node.above(ctx, e.Object) {
					r.testimony.ends(request.NamespacedName, e.Object.UID)
				}
			}
			look.Delete(ctx, e, q)
		},
	}
}
