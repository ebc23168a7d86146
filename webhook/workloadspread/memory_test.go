package workloadspread

import (
	"testing"
	"time"
)

// TestPause: passes are frequent as long as they cost little.
func TestPause(t *testing.T) {
	cases := map[string]struct {
		reason          string
		gathering, want time.Duration
	}{
		"few pods":      {"ten looks a second", time.Millisecond, lookPause},
		"thousands":     {"a twentieth of a core", 20 * time.Millisecond, 400 * time.Millisecond},
		"busy machines": {"no later than this in any case", time.Minute, longestPause},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := (&memory{gathering: tc.gathering}).pause(); got != tc.want {
				t.Errorf("%s: a pause of %s, want %s", tc.reason, got, tc.want)
			}
		})
	}
}
