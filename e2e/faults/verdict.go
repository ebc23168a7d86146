package faults

import (
	"time"
)

// outcome is what becomes of a request. Of several faults the highest wins.
type outcome int

const (
	passed outcome = iota
	expired
	resetAfter
	resetBefore
	unavailable
	forbidden
	unauthorized
	hangs
)

// verdict is what all faults together do to one request.
type verdict struct {
	outcome outcome
	latency time.Duration
	// missing is the share of a list's items.
	missing float64
}

// judge says what one fault does to a request that it matches. Listed says that
// the request's collection was listed since the fault began; draw returns
// numbers from 0 up to but not including 1, and is called once for each share.
func judge(f Fault, a asked, listed bool, draw func() float64) verdict {
	v := verdict{latency: f.Latency}
	happens := func(o outcome, really bool) {
		if really {
			v.outcome = max(v.outcome, o)
		}
	}
	if f.Unavailable > 0 {
		happens(unavailable, draw() < f.Unavailable)
	}
	if f.Reset > 0 {
		drawn := draw()
		happens(resetBefore, drawn < f.Reset/2)
		happens(resetAfter, drawn < f.Reset)
	}
	happens(hangs, f.Silent && f.Only != nil) // else no request arrives, or its connection hangs
	happens(forbidden, f.Forbidden)
	happens(unauthorized, f.Unauthorized)
	happens(expired, f.ExpireWatches && a.verb == "watch" && a.version != "" && !a.streams && !listed)
	if a.lists() {
		v.missing = f.TruncatedLists
		if f.EmptyLists {
			v.missing = 1
		}
	}
	return v
}

// and adds what a further fault does.
func (v verdict) and(other verdict) verdict {
	return verdict{
		outcome: max(v.outcome, other.outcome),
		latency: v.latency + other.latency,
		missing: max(v.missing, other.missing),
	}
}
