package events

import (
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
)

const (
	// maxHeld bounds the events that wait to be written, about 2 KB each.
	maxHeld = 4096
	// firstRetry and lastRetry bound the pause between tries of one event, and
	// maxTries their number: about half a minute together.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 10 * time.Second
	maxTries   = 9
)

// inbox holds events until they are written: of each the latest version, which
// has the counts of those before it.
type inbox struct {
	queue workqueue.TypedRateLimitingInterface[types.UID]

	mu   sync.Mutex
	held map[types.UID]*corev1.Event
}

func newInbox() *inbox {
	return &inbox{
		queue: workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[types.UID](firstRetry, lastRetry)),
		held:  make(map[types.UID]*corev1.Event),
	}
}

// put takes an event over; it returns false when there is no room.
func (b *inbox) put(event *corev1.Event) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.held[event.UID]; !known && len(b.held) >= maxHeld {
		return false
	}
	b.held[event.UID] = event
	b.queue.Add(event.UID)
	return true
}

// latest returns the version to write, or nil.
func (b *inbox) latest(uid types.UID) *corev1.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.held[uid]
}

// retry has the event taken out again later. It returns false when that has been
// tried often enough.
func (b *inbox) retry(uid types.UID, tries int) bool {
	if b.queue.NumRequeues(uid) >= tries {
		return false
	}
	b.queue.AddRateLimited(uid)
	return true
}

// done forgets a version that was written or given up. A later one that came
// meanwhile stays, and is in the queue.
func (b *inbox) done(event *corev1.Event) {
	b.queue.Forget(event.UID)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held[event.UID] == event {
		delete(b.held, event.UID)
	}
}
