package main

import (
	"testing"
	"time"
)

// TestRateBeside: rates are compared with that of the same round, since rounds differ.
func TestRateBeside(t *testing.T) {
	of := func(seconds ...int) *results {
		r := &results{}
		for _, s := range seconds {
			r.turns = append(r.turns, turn{took: time.Duration(s) * time.Second, latencies: make([]time.Duration, 100)})
		}
		return r
	}
	if got := rateBeside(of(2, 20, 400), of(1, 10, 100)); got != 0.5 {
		t.Errorf("got %v, want 0.5: half of the rate in two of three rounds", got)
	}
}

// TestPerPod: the CPU time of several processes is that of all together, in ms.
func TestPerPod(t *testing.T) {
	measured := turn{latencies: make([]time.Duration, 10), used: map[string]time.Duration{apiServer: 50 * time.Millisecond, etcd: 20 * time.Millisecond}}
	if got := measured.perPod(apiServer, etcd, asked); got != 7 {
		t.Errorf("got %v ms, want 7", got)
	}
}
