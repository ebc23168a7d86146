package pace

import (
	"testing"
	"time"
)

func noon() time.Time { return time.Date(2025, 11, 1, 12, 0, 0, 0, time.UTC) }

// TestPause: passes are frequent as long as they cost little.
func TestPause(t *testing.T) {
	cases := map[string]struct {
		reason       string
		worked, want time.Duration
	}{
		"no work":       {"ten passes a second", 0, 100 * time.Millisecond},
		"few pods":      {"ten passes a second", time.Millisecond, 100 * time.Millisecond},
		"just short":    {"up to here", 2500 * time.Microsecond, 100 * time.Millisecond},
		"hundreds":      {"a fortieth of a core from here on", 3 * time.Millisecond, 120 * time.Millisecond},
		"thousands":     {"a fortieth of a core", 10 * time.Millisecond, 400 * time.Millisecond},
		"just long":     {"up to here", 50 * time.Millisecond, 2 * time.Second},
		"busy machines": {"no later than this in any case", time.Minute, 2 * time.Second},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var p Passes
			begins(t, &p, noon(), 0)
			p.Worked(tc.worked)
			begins(t, &p, noon(), tc.want)
			begins(t, &p, noon().Add(tc.want-time.Millisecond), time.Millisecond)
			begins(t, &p, noon().Add(tc.want), 0)
		})
	}
}

// TestPauseAfterFailure: a pass that failed is followed by the shortest pause,
// whatever the one before it had asked for, and the next that works counts again.
func TestPauseAfterFailure(t *testing.T) {
	var p Passes
	begins(t, &p, noon(), 0)
	p.Worked(time.Minute)
	failed := noon().Add(Longest)
	begins(t, &p, failed, 0)
	begins(t, &p, failed, Shortest)
	again := failed.Add(Shortest)
	begins(t, &p, again, 0)
	p.Worked(10 * time.Millisecond)
	begins(t, &p, again, 400*time.Millisecond)
}

// begins checks that a pass has to wait for so long; zero: it begins.
func begins(t *testing.T, p *Passes, now time.Time, want time.Duration) {
	t.Helper()
	if got := p.Begin(now); got != want {
		t.Errorf("at %s a pass waits for %s, want %s", now.Format(time.StampMilli), got, want)
	}
}
