package webhook

import (
	"runtime"
	"runtime/debug"
	"testing"
)

// TestGCPercent: there is room for garbage in a small heap, and in a large one no more
// than Go leaves.
func TestGCPercent(t *testing.T) {
	const mebibyte = 1 << 20
	cases := map[string]struct {
		reason string
		live   uint64
		want   int
	}{
		"nothing":  {"a process that has just begun knows of nothing that stays", 0, mostPercent},
		"small":    {"no more than four times as much", 6 * mebibyte, mostPercent},
		"usual":    {"as much as garbageRoom", 16 * mebibyte, 300},
		"as large": {"from here on, Go's own rule", 48 * mebibyte, leastPercent},
		"large":    {"whose garbage takes memory enough", 1 << 40, leastPercent},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := gcPercent(tc.live); got != tc.want {
				t.Errorf("%s: %d percent of %d bytes, want %d", tc.reason, got, tc.live, tc.want)
			}
		})
	}
}

// TestPaceGarbage: a collection changes when the next one will be.
func TestPaceGarbage(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(leastPercent)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	PaceGarbage()
	for t.Context().Err() == nil {
		runtime.GC()
		if percent := debug.SetGCPercent(leastPercent); percent != leastPercent {
			if percent > mostPercent || percent < leastPercent {
				t.Errorf("the next collection is at %d percent", percent)
			}
			return
		}
		runtime.Gosched()
	}
}
