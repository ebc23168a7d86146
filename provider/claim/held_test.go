package claim

import (
	"errors"
	"testing"
	"time"
)

func TestHeld(t *testing.T) {
	cases := map[string]struct {
		reason  string
		prepare func(*Gate)
		want    bool
	}{
		"new":       {"nothing may be written before the claim is held", func(*Gate) {}, false},
		"open":      {"", func(g *Gate) { g.open(time.Now().Add(time.Hour)) }, true},
		"run-out":   {"it was not renewed in time", func(g *Gate) { g.open(time.Now().Add(-time.Second)) }, false},
		"suspended": {"somebody else may hold it", func(g *Gate) { g.open(time.Now().Add(time.Hour)); g.suspend(errors.New("lost")) }, false},
		"shut":      {"it never will be again", func(g *Gate) { g.open(time.Now().Add(time.Hour)); g.shut(errors.New("refused")) }, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			gate := NewGate()
			tc.prepare(gate)
			if got := gate.Held(); got != tc.want {
				t.Errorf("%s: held: %t, want %t", tc.reason, got, tc.want)
			}
		})
	}
}
