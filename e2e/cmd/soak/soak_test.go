package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestPace: a machine that is late catches up with a little, and the rest is told.
func TestPace(t *testing.T) {
	p := pace{perSecond: 10, behind: 20}
	var got []int
	for _, at := range []time.Duration{-5 * time.Second, 0, 100 * time.Millisecond, time.Second, 10 * time.Second, 10100 * time.Millisecond} {
		got = append(got, p.due(at))
	}
	p.couldNot()
	if diff := cmp.Diff([]int{0, 0, 1, 9, 20, 1}, got); diff != "" {
		t.Errorf("due -want +got:\n%s", diff)
	}
	if p.done != 30 || p.missed != 71 {
		t.Errorf("%d done and %d missed, want 30 and 71: together all of 10.1 s", p.done, p.missed)
	}
}

func TestScrape(t *testing.T) {
	got := scrape(`# HELP go_goroutines Number of goroutines that currently exist.
# TYPE go_goroutines gauge
go_goroutines 42
go_gc_heap_live_bytes 1.5e+06
workqueue_depth{controller="pods",name="a b"} 3
workqueue_depth{controller="policies",name="c"} 4
rest_client_requests_total{code="200"} 7
`)
	want := map[figure]float64{goroutines: 42, heap: 1.5e6, queued: 7, series: 5}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestCount(t *testing.T) {
	status := map[string]any{
		"subsetStatuses": []any{
			map[string]any{"name": "own", "creatingPods": map[string]any{"a": "", "b": ""}},
			map[string]any{"name": "virtual", "deletingPods": map[string]any{"c": ""}},
		},
		"versionedSubsetStatuses": map[string]any{"v1": []any{map[string]any{"creatingPods": map[string]any{"a": ""}}}},
	}
	if got := count(status, "creatingPods"); got != 3 {
		t.Errorf("count() = %d, want 3", got)
	}
}

// TestWarmUp: what is left after it is enough to judge, however short the run.
func TestWarmUp(t *testing.T) {
	for lasts, want := range map[time.Duration]time.Duration{
		shortest: 45 * time.Second, 2 * time.Minute: 48 * time.Second, 5 * time.Minute: 2 * time.Minute, time.Hour: 12 * time.Minute,
	} {
		if got := (options{duration: lasts}).warmUp(); got != want {
			t.Errorf("warm-up of %s is %s, want %s", lasts, got, want)
		}
	}
}

// TestTooSlow: a machine that is too slow is told of. It is no excuse for anybody who
// was slow on one that was not.
func TestTooSlow(t *testing.T) {
	for name, tt := range map[string]struct {
		reached, used float64
		said, err     string
	}{
		"reached":        {reached: 0.90, used: 0.99},
		"slow machine":   {reached: 0.77, used: 0.98, said: "TOO SLOW FOR 20 PODS A SECOND: 77 % of that was reached with 98 % of it in use"},
		"idle machine":   {reached: 0.77, used: 0.60, err: "77 % of the rate was reached, although all processes together used only 60 %"},
		"nothing at all": {reached: 0, used: 0.01, err: "0 % of the rate"},
	} {
		t.Run(name, func(t *testing.T) {
			said, err := tooSlow(20, tt.reached, tt.used)
			if !strings.Contains(said, tt.said) || (said == "") != (tt.said == "") {
				t.Errorf("said %q, want %q", said, tt.said)
			}
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}
