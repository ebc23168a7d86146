// Package retry says when a controller tries again what failed: after pauses that
// grow, and at once when the downstream API server answers again after it did not.
// By then each pause has grown as long as it can, and waiting it out would show as
// copies and Services that are out of date although nothing is in their way.
//
// The package refuses to try anything itself, and to wake what did not fail.
package retry

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// Limiter is the rate limiter of one controller. Its Source has to be among what
// the controller watches.
type Limiter[T comparable] struct {
	pauses workqueue.TypedRateLimiter[T]

	mu sync.Mutex
	// failed are the items whose last try failed.
	failed map[T]struct{}
	// queue is nil until the controller starts.
	queue workqueue.TypedRateLimitingInterface[T]
}

// NewLimiter returns a Limiter whose pauses begin with first, double with each
// failure in a row, and are never longer than last.
func NewLimiter[T comparable](first, last time.Duration) *Limiter[T] {
	return &Limiter[T]{pauses: workqueue.NewTypedItemExponentialFailureRateLimiter[T](first, last), failed: make(map[T]struct{})}
}

// Source adds nothing to the queue by itself; it is where Recovered learns of it.
func (l *Limiter[T]) Source() source.TypedSource[T] {
	return source.TypedFunc[T](func(_ context.Context, queue workqueue.TypedRateLimitingInterface[T]) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.queue = queue
		return nil
	})
}

// Recovered ends all pauses, also for those that fail a moment later because they
// were on their way: their next pause is the first one again. It does not block.
func (l *Limiter[T]) Recovered() {
	l.mu.Lock()
	queue, failed := l.queue, slices.Collect(maps.Keys(l.failed))
	l.mu.Unlock()
	if queue == nil {
		return
	}
	// Unlocked, since the queue calls When with a lock of its own held.
	for _, item := range failed {
		l.pauses.Forget(item)
		queue.Add(item)
	}
}

// When is called with an item that failed, and returns its pause.
func (l *Limiter[T]) When(item T) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed[item] = struct{}{}
	return l.pauses.When(item)
}

// Forget is called with an item that succeeded.
func (l *Limiter[T]) Forget(item T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.failed, item)
	l.pauses.Forget(item)
}

// NumRequeues is how often in a row an item failed.
func (l *Limiter[T]) NumRequeues(item T) int { return l.pauses.NumRequeues(item) }
