package events

import (
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
)

const (
	// maxHeld bounds the events that wait to be written, about 2 KB each, and
	// maxRoutine those among them when a routine one is to be added: others must
	// find room while a thousand pods start.
	maxHeld    = 4096
	maxRoutine = 3 * maxHeld / 4
	// firstRetry and lastRetry bound the pause between tries of one event, and
	// maxTries their number: about half a minute together.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 10 * time.Second
	maxTries   = 9
)

// news is a downstream event that may have to be shown.
type news struct {
	*corev1.Event
	// listed says that it was in a list, which has what happened while nobody
	// watched and what was shown long ago.
	listed bool
}

// inbox holds events until they are written: of each the latest version, which
// has the counts of those before it.
type inbox struct {
	queue workqueue.TypedRateLimitingInterface[types.UID]

	mu   sync.Mutex
	held map[types.UID]news
}

func newInbox() *inbox {
	return &inbox{
		queue: workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[types.UID](firstRetry, lastRetry)),
		held:  make(map[types.UID]news),
	}
}

// put takes an event over, a routine one to be taken out later; it returns false
// when there is no room.
func (b *inbox) put(event news) bool {
	room, pause := maxHeld, time.Duration(0)
	if routine(event.Event) {
		room, pause = maxRoutine, routinePatience
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	before, known := b.held[event.UID]
	if !known && len(b.held) >= room {
		return false
	}
	// What was listed may have been shown, also when it was seen again since.
	event.listed = event.listed || before.listed
	b.held[event.UID] = event
	b.queue.AddAfter(event.UID, pause)
	return true
}

// latest returns the version to write, and false when there is none.
func (b *inbox) latest(uid types.UID) (news, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	event, held := b.held[uid]
	return event, held
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

// wait has a routine event taken out again when it may have become needless.
func (b *inbox) wait(uid types.UID) { b.queue.AddAfter(uid, routinePatience) }

// done forgets a version that was written or given up. A later one that came
// meanwhile stays, and is in the queue.
func (b *inbox) done(event news) {
	b.queue.Forget(event.UID)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held[event.UID].Event == event.Event {
		delete(b.held, event.UID)
	}
}
