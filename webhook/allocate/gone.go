package allocate

import (
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/spillway-io/spillway/webhook/spread"
)

// gone remembers the keys of pods that were seen and are gone, for as long as
// there can be reservations under them.
type gone struct {
	mu   sync.Mutex
	keys map[key]departure
	// swept is when those were dropped last that are of no use any more.
	swept time.Time
}

// key is what a pod's reservation is filed under, in the pod's namespace.
type key struct{ namespace, name string }

// departure is a pod that is gone.
type departure struct {
	seen time.Time
	// created is when the pod was created. A reservation made later is for
	// another pod, of the same name.
	created time.Time
}

// from returns the keys of pods of a namespace that went away, each with the time
// up to which a reservation was for that pod; those that went away before then
// are forgotten.
func (g *gone) from(namespace string, then time.Time) map[string]time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forget(then)
	keys := map[string]time.Time{}
	for k, d := range g.keys {
		if k.namespace == namespace {
			keys[k.name] = d.created
		}
	}
	return keys
}

func (g *gone) forget(then time.Time) {
	maps.DeleteFunc(g.keys, func(_ key, d departure) bool { return d.seen.Before(then) })
}

// put takes note of a departure. A replica that nobody asks to decide must forget, too.
func (g *gone) put(k key, d departure) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if d.seen.Sub(g.swept) > spread.Retention {
		g.forget(d.seen.Add(-spread.Retention))
		g.swept = d.seen
	}
	g.keys[k] = d
}

// handler takes note of pods that go away.
func (g *gone) handler(now func() time.Time) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		DeleteFunc: func(object any) {
			if tombstone, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = tombstone.Obj
			}
			pod, ok := object.(*corev1.Pod)
			if !ok {
				return
			}
			match, ok := spread.MatchOf(pod)
			if !ok {
				return
			}
			d := departure{seen: now(), created: pod.CreationTimestamp.Time}
			if match.UID != "" {
				d.created = d.seen // Nobody uses a UID again, so clocks need not agree.
			}
			g.put(key{pod.Namespace, match.Key(pod.Name)}, d)
		},
	}
}
