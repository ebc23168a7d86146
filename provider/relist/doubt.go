package relist

import (
	"time"

	toolscache "k8s.io/client-go/tools/cache"

	"github.com/spillway-io/spillway/provider/mass"
)

const (
	// firstCheck is the pause after a doubtful list. Each further pause is a part of the
	// time that has passed since, when that is longer.
	firstCheck = 5 * time.Second
	checkPart  = 8
	// doubtsFor is when it has to be believed.
	doubtsFor = 10 * time.Minute
	// raisedFor is how long a doubt of somebody else lasts.
	raisedFor = time.Minute
)

// doubt is about a list that lacked too much. The zero value is no doubt.
type doubt struct {
	since time.Time
	// lost are the names that the list lacked.
	lost map[toolscache.ObjectName]string
	// raisedAt is when somebody else raised it, who found something that a list lacked.
	raisedAt time.Time
}

// raised is the doubt after somebody else had one. That does not put off a list that is
// due: whoever finds one thing finds many.
func (d doubt) raised(now time.Time) doubt {
	if now.Sub(d.raisedAt) >= raisedFor {
		d.raisedAt = now
	}
	return d
}

// suspicious says whether a list looks like a mistake that lacks so many of the objects
// that were known before: too many of them, or all.
func suspicious(missing, before int) bool {
	return missing > 0 && (missing == before || mass.Excessive(missing, before))
}

// until is how long to wait before the next list, and false if there is no need of one.
// known says whether there is an object of that name by now.
func (d doubt) until(now time.Time, known func(toolscache.ObjectName) bool) (time.Duration, bool) {
	if passed := now.Sub(d.raisedAt); passed < raisedFor {
		return max(firstCheck, passed/checkPart), true
	}
	passed := now.Sub(d.since)
	if passed >= doubtsFor {
		return 0, false
	}
	for name := range d.lost {
		if !known(name) {
			return max(firstCheck, passed/checkPart), true
		}
	}
	return 0, false // all of them are back
}
