package workload

import (
	"fmt"
	"testing"
	"time"

	"github.com/spillway-io/spillway/webhook/spread"
)

// TestProgress: what had been seen at a time is what counts, and never more than that.
func TestProgress(t *testing.T) {
	noon := time.Date(2025, 11, 1, 12, 0, 0, 0, time.UTC)
	at := func(milliseconds int) time.Time { return noon.Add(time.Duration(milliseconds) * time.Millisecond) }
	p := &progress{}
	if got := p.before(noon); got != 0 {
		t.Errorf("nothing was seen, and it says %d", got)
	}
	// A list comes in no order.
	p.see("30", at(0))
	p.see("10", at(1))
	p.see("40", at(150))
	p.see("41", at(151))
	p.see("no number", at(300))
	for milliseconds, want := range map[int]uint64{-1: 0, 0: 30, 149: 30, 150: 40, 299: 40, 300: 41, 9000: 41} {
		if got := p.before(at(milliseconds)); got != want {
			t.Errorf("after %d ms %d had been seen, want %d", milliseconds, got, want)
		}
	}
}

// TestProgressOfList: a list is noted whatever was seen a moment ago.
func TestProgressOfList(t *testing.T) {
	noon, p := time.Date(2025, 11, 1, 12, 0, 0, 0, time.UTC), &progress{}
	p.see("30", noon)
	p.list("50", noon.Add(time.Millisecond))
	if got := p.before(noon.Add(time.Millisecond)); got != 50 {
		t.Errorf("%d had been seen, want 50", got)
	}
}

// TestProgressIsBounded: a mark a time, and none that nobody asks for.
func TestProgressIsBounded(t *testing.T) {
	now, p := time.Date(2025, 11, 1, 12, 0, 0, 0, time.UTC), &progress{}
	for i := range 100_000 {
		now = now.Add(time.Millisecond)
		p.see(fmt.Sprint(i), now)
		if most := int(spread.SettledAfter/markEvery) + 2; len(p.marks) > most {
			t.Fatalf("%d marks, want at most %d", len(p.marks), most)
		}
		want := uint64(max(0, i-int(spread.SettledAfter/time.Millisecond)))
		if got := p.before(now.Add(-spread.SettledAfter)); got > want || got+uint64(markEvery/time.Millisecond) < want {
			t.Fatalf("%d had been seen, want %d or a little less", got, want)
		}
	}
}
