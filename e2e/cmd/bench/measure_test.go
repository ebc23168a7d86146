package main

import (
	"testing"
	"time"
)

// TestCompared: each measurement is compared with the one beside it, so that a machine
// that became slower does not make the ratio worse.
func TestCompared(t *testing.T) {
	took := func(seconds ...int) (rounds []result) {
		for _, s := range seconds {
			rounds = append(rounds, result{latencies: make([]time.Duration, 100), allRunning: time.Duration(s) * time.Second})
		}
		return rounds
	}
	cases := map[string]struct {
		reason      string
		bound, bare []result
		want        float64
	}{
		"steady": {"twice the time is half the rate", took(20), took(10), 0.5},
		"slower": {"the second round was slow for both", took(20, 80), took(10, 40), 0.5},
		"odd":    {"one bad round of three does not count", took(20, 20, 90), took(10, 10, 10), 0.5},
		"even":   {"of two rounds it is the middle", took(10, 20), took(10, 10), 0.75},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := compared(tc.bound, tc.bare, result.rate); got != tc.want {
				t.Errorf("%s: compared() = %v, want %v", tc.reason, got, tc.want)
			}
		})
	}
}
