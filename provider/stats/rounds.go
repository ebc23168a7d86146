package stats

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

const (
	// freshFor is for how long after the beginning of a round its figures are given
	// to whoever asks. Kubelets measure every 10 to 15 s, so more rounds would find
	// the same; and metrics-server, which asks every 10 s at most, gets new ones.
	freshFor = 9 * time.Second
	// roundTimeout bounds a round. metrics-server gives up after 10 s by default.
	roundTimeout = 8 * time.Second
)

// rounds gathers when somebody asks, once for all who ask at about the same time.
type rounds struct {
	// gather makes one round; the next begins after it has returned.
	gather func(context.Context) (snapshot, error)
	clock  clock.PassiveClock
	// life ends when rounds must not go on. A round outlives the client who began it,
	// because others may be waiting.
	life context.Context //nolint:containedctx // The life of the process, beside that of each request.

	mu   sync.Mutex
	last *round
}

// round is one gathering. What it has got may be read when done is closed.
type round struct {
	begun time.Time
	done  chan struct{}
	got   snapshot
	err   error
}

// get returns figures that are fresh. It returns early, with an error, if ctx ends.
func (r *rounds) get(ctx context.Context) (snapshot, error) {
	current, mine := r.join()
	if mine {
		r.make(current)
	}
	select {
	case <-current.done:
		return current.got, current.err
	case <-ctx.Done():
		return snapshot{}, fmt.Errorf("cannot wait for the figures: %w", context.Cause(ctx))
	}
}

// join returns the round whose figures are to be given, and whether the caller has
// to make it.
func (r *rounds) join() (current *round, mine bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last != nil && !r.last.stale(r.clock.Now()) {
		return r.last, false
	}
	r.last = &round{begun: r.clock.Now(), done: make(chan struct{})}
	return r.last, true
}

func (r *rounds) make(current *round) {
	defer close(current.done)
	ctx, cancel := context.WithTimeout(r.life, roundTimeout)
	defer cancel()
	current.got, current.err = r.gather(ctx)
}

// stale says whether the round is over and too old, or failed.
func (r *round) stale(now time.Time) bool {
	select {
	case <-r.done:
		return r.err != nil || now.Sub(r.begun) >= freshFor
	default:
		return false
	}
}
