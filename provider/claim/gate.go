package claim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Gate has writes to the downstream cluster wait while the claim is not held.
type Gate struct {
	mu sync.Mutex
	// until is how long writes may begin.
	until time.Time
	// cause is why the claim is not held, if that is known, and final that it
	// never will be again. since is when there began to be a cause.
	cause error
	final bool
	since time.Time
	// changed is closed, and replaced, when any of these change.
	changed chan struct{}
	// turnedAway says that a write has waited in vain since the gate was open.
	turnedAway bool
	// underWay are writes that have begun; each end is told to idle, if somebody
	// waits for it.
	underWay int
	idle     chan struct{}
}

// NewGate returns one that is closed.
func NewGate() *Gate {
	return &Gate{changed: make(chan struct{})}
}

// Guard returns a transport whose writes pass the gate.
func (g *Gate) Guard(next http.RoundTripper) http.RoundTripper {
	return guarded{next: next, gate: g}
}

type guarded struct {
	next http.RoundTripper
	gate *Gate
}

// RoundTrip waits for the claim before any request that may change something.
func (t guarded) RoundTrip(request *http.Request) (*http.Response, error) {
	switch request.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions:
		return t.next.RoundTrip(request)
	}
	if err := t.gate.enter(request.Context()); err != nil {
		if request.Body != nil {
			_ = request.Body.Close() // It was not sent, which is the error to tell.
		}
		return nil, err
	}
	defer t.gate.leave()
	return t.next.RoundTrip(request)
}

// enter waits until a write may begin, or ctx ends.
func (g *Gate) enter(ctx context.Context) error {
	for {
		changed, err := g.begin()
		if changed == nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return g.turnAway(ctx.Err())
		}
	}
}

// begin lets a write begin, or fail, or wait for the change that it returns.
func (g *Gate) begin() (changed <-chan struct{}, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.final:
		return nil, fmt.Errorf("cannot write downstream: %w", g.cause)
	case time.Now().Before(g.until):
		g.underWay++
		return nil, nil
	default:
		return g.changed, nil
	}
}

// turnAway says why a write has waited in vain. The cause is text: what an API
// server says of the Lease must not be taken for its answer to that write.
func (g *Gate) turnAway(why error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.turnedAway = true
	if g.cause != nil {
		return fmt.Errorf("cannot write downstream while the claim is not held (%s): %w", g.cause.Error(), why)
	}
	return fmt.Errorf("cannot write downstream while the claim is not held: %w", why)
}

func (g *Gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.underWay--
	g.tellIdle()
}

func (g *Gate) tellIdle() {
	if g.underWay == 0 && g.idle != nil {
		close(g.idle)
		g.idle = nil
	}
}

// open lets writes begin until then, and says whether any was turned away before.
func (g *Gate) open(until time.Time) (turnedAway bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	turnedAway, g.turnedAway = g.turnedAway, false
	g.until, g.cause, g.since = until, nil, time.Time{}
	g.change()
	return turnedAway
}

// explain has writes that are turned away say why.
func (g *Gate) explain(cause error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.blame(cause)
}

// blame notes why the claim is not held, or will not be for long.
func (g *Gate) blame(cause error) {
	if g.cause == nil {
		g.since = time.Now()
	}
	g.cause = cause
}

// Trouble is why nothing can be written downstream, if that is to be told: not while
// nothing is known of the claim yet, and not as long as it is usual to wait until the
// last holder's has run out.
func (g *Gate) Trouble() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cause == nil || time.Now().Before(g.until) {
		return nil
	}
	if _, waits := errors.AsType[*waitingError](g.cause); waits && time.Since(g.since) < usualWait {
		return nil
	}
	return g.cause
}

// Held says whether writes may begin now.
func (g *Gate) Held() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Now().Before(g.until)
}

// suspend has writes wait.
func (g *Gate) suspend(cause error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.until = time.Time{}
	g.blame(cause)
}

// shut has all writes fail, also those that wait, for ever.
func (g *Gate) shut(cause error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.until, g.cause, g.final = time.Time{}, cause, true
	g.change()
}

func (g *Gate) change() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// drained waits until no write is under way, and returns false if ctx ends before.
func (g *Gate) drained(ctx context.Context) bool {
	idle := make(chan struct{})
	g.mu.Lock()
	g.idle = idle
	g.tellIdle()
	g.mu.Unlock()
	select {
	case <-idle:
		return true
	case <-ctx.Done():
		return false
	}
}
