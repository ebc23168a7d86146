package workload

import (
	"slices"
	"time"

	"github.com/spillway-io/spillway/webhook/spread"
)

// markEvery is how often progress is marked, at most.
const markEvery = 100 * time.Millisecond

// progress remembers up to which resource version pods had been seen at which time, for
// as long as somebody may ask. The zero value has seen none.
type progress struct {
	upTo  uint64
	marks []mark
}

// mark is what had been seen at a time, the latest last.
type mark struct {
	at   time.Time
	upTo uint64
}

// see takes note of a pod.
func (p *progress) see(resourceVersion string, now time.Time) {
	p.upTo = max(p.upTo, spread.Revision(resourceVersion))
	if n := len(p.marks); n == 0 || now.Sub(p.marks[n-1].at) >= markEvery {
		p.mark(now)
	}
}

// list takes note of a list that has been gone through: also of what was gone before it.
func (p *progress) list(resourceVersion string, now time.Time) {
	p.upTo = max(p.upTo, spread.Revision(resourceVersion))
	p.mark(now)
}

func (p *progress) mark(now time.Time) {
	// Of the marks that are old enough for anybody the last one will do.
	if old := p.firstAfter(now.Add(-spread.SettledAfter)); old > 1 {
		p.marks = slices.Delete(p.marks, 0, old-1)
	}
	p.marks = append(p.marks, mark{now, p.upTo})
}

// before is what had been seen at a time, at least; 0 if that is not known.
func (p *progress) before(then time.Time) uint64 {
	if first := p.firstAfter(then); first > 0 {
		return p.marks[first-1].upTo
	}
	return 0
}

// firstAfter is the index of the first mark later than a time.
func (p *progress) firstAfter(then time.Time) int {
	i, _ := slices.BinarySearchFunc(p.marks, then, func(m mark, then time.Time) int {
		if m.at.After(then) {
			return 1
		}
		return -1
	})
	return i
}
