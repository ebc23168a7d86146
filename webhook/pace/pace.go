// Package pace bounds what the passes of a controller cost: after one that took long
// there is a long pause. It does not say that a pass is due, which events and queues
// do, and waits for nothing itself.
package pace

import "time"

const (
	// Shortest is the pause after a pass that took next to nothing. A rollout is
	// hundreds of events.
	Shortest = 100 * time.Millisecond
	// Longest is the pause after any pass, however long it took.
	Longest = 2 * time.Second
	// perWork is how many times as long as the work the pause is, so that passes
	// over thousands of pods take no more than a fortieth of a core while they fit
	// into Longest.
	perWork = 40
)

// Passes are those over one object, one at a time. The zero value has made none.
type Passes struct {
	// began is when the last pass did.
	began time.Time
	// worked is how long it worked; zero if it failed.
	worked time.Duration
}

// Begin begins a pass, unless the pause since the beginning of the last one is not
// over: then it returns how long that still takes.
func (p *Passes) Begin(now time.Time) (wait time.Duration) {
	pause := min(max(Shortest, perWork*p.worked), Longest)
	if next := p.began.Add(pause); now.Before(next) {
		return next.Sub(now)
	}
	// After a pass that fails, how soon it is tried again is the queue's to say.
	p.began, p.worked = now, 0
	return 0
}

// Worked ends a pass that did not fail, with how long it worked. What it waited for
// API servers to write is no work.
func (p *Passes) Worked(took time.Duration) { p.worked = took }
