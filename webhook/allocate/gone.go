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
// there can be reservations under them. Keys of pods without a name at admission
// are unique; a name may be used again, and is taken back then.
type gone struct {
	mu   sync.Mutex
	keys map[string]time.Time
}

// since returns the keys of pods that went away after a time, and forgets all
// others.
func (g *gone) since(t time.Time) map[string]bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	maps.DeleteFunc(g.keys, func(_ string, at time.Time) bool { return at.Before(t) })
	keys := make(map[string]bool, len(g.keys))
	for key := range g.keys {
		keys[key] = true
	}
	return keys
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
			// A name can come back at once, with a reservation that holds.
			if match, ok := spread.MatchOf(pod); ok && match.UID != "" {
				g.mu.Lock()
				defer g.mu.Unlock()
				g.keys[match.UID] = now()
			}
		},
	}
}
