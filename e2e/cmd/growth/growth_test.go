package main

import (
	"context"
	"flag"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/spillway-io/spillway/e2e/playground"
	"github.com/spillway-io/spillway/e2e/ratio"
)

// TestTell: a step is held against the size before, and policies by what a pod costs.
func TestTell(t *testing.T) {
	costs := func(loads func(int) int, sized map[int]time.Duration, order ...int) (all []cost) {
		for _, size := range order {
			all = append(all, cost{size: size, loads: loads(size), cpu: sized[size], took: time.Second})
		}
		return all
	}
	same := func(size int) int { return size }
	fixed := func(int) int { return 1000 }
	cases := map[string]struct {
		reason string
		kind   string
		costs  []cost
		want   []ratio.Ratio
	}{
		"linear": {
			"four times the pods cost four times as much", kindPods,
			costs(same, map[int]time.Duration{500: time.Second, 2000: 4 * time.Second, 8000: 16 * time.Second}, 500, 2000, 8000),
			[]ratio.Ratio{{Name: "growth-admission-pods-2000", Value: 1, Limit: 1.15}, {Name: "growth-admission-pods-8000", Value: 1, Limit: 1.15}},
		},
		"square": {
			"each pod costs more where there are more", kindNode,
			costs(same, map[int]time.Duration{500: time.Second, 2000: 16 * time.Second}, 500, 2000),
			[]ratio.Ratio{{Name: "growth-node-pods-2000", Value: 4, Limit: 1.15}},
		},
		"policies": {
			"the same pods cost a half more among ten times the policies", kindSidecarSets,
			costs(fixed, map[int]time.Duration{10: 2 * time.Second, 100: 3 * time.Second}, 10, 100),
			[]ratio.Ratio{{Name: "growth-admission-sidecarsets-100", Value: 0.15, Limit: 1.15}},
		},
		"one": {"one size has no step", kindPods, costs(same, map[int]time.Duration{500: time.Second}, 500), nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for _, kind := range kinds() {
				if kind.name != tc.kind {
					continue
				}
				var r ratio.Report
				kind.tell(&r, tc.costs)
				if diff := cmp.Diff(tc.want, r.Ratios, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
					t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
				}
				for _, row := range r.Tables[0].Rows {
					if len(row) != len(r.Tables[0].Columns) {
						t.Errorf("the row %q has other columns than %q", row, r.Tables[0].Columns)
					}
				}
			}
		})
	}
}

// TestCurves: what is computed is not taken for what was measured.
func TestCurves(t *testing.T) {
	pods := growing{title: "Pods"}.curves([]cost{{size: 500, loads: 500, cpu: time.Second}, {size: 2000, loads: 2000, cpu: 5 * time.Second}})
	sets := growing{title: "Sets", policies: true}.curves([]cost{{size: 10, loads: 1000, cpu: time.Second}, {size: 100, loads: 1000, cpu: 2 * time.Second}})
	cases := map[string]struct {
		reason string
		curve  ratio.Curve
		want   []ratio.Point
	}{
		"pods":     {"CPU of all pods", pods[0], []ratio.Point{{X: 500, Y: 1}, {X: 2000, Y: 5}}},
		"linear":   {"as much for each as with the fewest", pods[1], []ratio.Point{{X: 500, Y: 1}, {X: 2000, Y: 4}}},
		"policies": {"CPU of one pod", sets[0], []ratio.Point{{X: 10, Y: 1}, {X: 100, Y: 2}}},
		"flat":     {"policies that do not concern a pod cost it nothing", sets[1], []ratio.Point{{X: 10, Y: 1}, {X: 100, Y: 1}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.curve.Points); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if computed := name == "linear" || name == "flat"; tc.curve.Computed != computed {
				t.Errorf("computed: %t", tc.curve.Computed)
			}
		})
	}
}

// TestMeter: what a process computes anyway is no cost of a load, and what it computes
// for the load after that has returned is one.
func TestMeter(t *testing.T) {
	cases := map[string]struct {
		reason string
		// always is the part of a core that the process takes, busy how long it takes all
		// of one when it is loaded.
		always float64
		busy   time.Duration
		rests  bool
	}{
		"idle":   {"it does nothing but for the load", 0, 20 * time.Second, true},
		"timers": {"it always does a little", 0.01, 20 * time.Second, true},
		"short":  {"the load is over before anybody looks", 0.01, 100 * time.Millisecond, true},
		"busy":   {"nobody can tell what such a process computes for what", 0.5, time.Second, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, loaded := time.Now(), time.Time{}
				m := meter{process: func() (playground.Usage, error) {
					cpu := time.Duration(tc.always * float64(time.Since(began)))
					if !loaded.IsZero() {
						cpu += min(tc.busy, time.Since(loaded))
					}
					return playground.Usage{CPU: cpu}, nil
				}}
				c, err := m.measure(t.Context(), func(context.Context) error {
					loaded = time.Now()
					return nil
				})
				if !tc.rests {
					if err == nil {
						t.Errorf("%s: %v", tc.reason, c.cpu)
					}
					return
				}
				if err != nil || (c.cpu-tc.busy).Abs() > time.Millisecond {
					t.Errorf("%s: the load cost %v (%v), want %v", tc.reason, c.cpu, err, tc.busy)
				}
			})
		})
	}
}

func TestSizes(t *testing.T) {
	cases := map[string]struct {
		reason, text string
		want         []int
		fails        bool
	}{
		"some":   {"as they are", "500,2000", []int{500, 2000}, false},
		"one":    {"a size may be alone", "500", []int{500}, false},
		"order":  {"a step goes upwards", "2000,500", nil, true},
		"none":   {"no pods cost nothing", "0,500", nil, true},
		"word":   {"it is no number", "many", nil, true},
		"nobody": {"nothing is no number", "", nil, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got []int
			flags := flag.NewFlagSet("growth", flag.ContinueOnError)
			flags.SetOutput(io.Discard)
			flags.Func("pods", "", sizes(&got))
			err := flags.Parse([]string{"-pods=" + tc.text})
			if (err != nil) != tc.fails || err == nil && !cmp.Equal(tc.want, got) {
				t.Errorf("%s: %v (%v)", tc.reason, got, err)
			}
		})
	}
}
