package main

import "time"

// pace says what is due at a steady rate. It never does less in silence: what cannot be
// caught up with counts as missed.
type pace struct {
	perSecond float64
	// behind is how many may be caught up with.
	behind       int
	done, missed int
}

// due returns how many are due now, so long after the beginning.
func (p *pace) due(elapsed time.Duration) int {
	n := int(elapsed.Seconds()*p.perSecond) - p.done - p.missed
	if n > p.behind {
		p.missed += n - p.behind
		n = p.behind
	}
	n = max(0, n)
	p.done += n
	return n
}

// couldNot says that one of those due could not be done.
func (p *pace) couldNot() { p.done, p.missed = p.done-1, p.missed+1 }
