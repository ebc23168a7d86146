package draw

import (
	"encoding/xml"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway-io/spillway/e2e/monitoring"
)

func TestInUnit(t *testing.T) {
	cases := map[string]struct {
		value      float64
		unit, want string
	}{
		"share":        {0.647, "percentunit", "64.7 %"},
		"count":        {40, "short", "40"},
		"fraction":     {1.25, "short", "1.25"},
		"large":        {12345, "short", "12345"},
		"rate":         {0.1, "reqps", "0.1/s"},
		"microseconds": {0.00042, "s", "420 µs"},
		"milliseconds": {0.0125, "s", "12.5 ms"},
		"seconds":      {22.7, "s", "22.7 s"},
		"hours":        {3*3600 + 300, "s", "3 h 5 min"},
		"days":         {6*86400 + 23*3600, "s", "6 d 23 h"},
		"memory":       {45 << 20, "bytes", "45 MiB"},
		"no-number":    {math.NaN(), "short", "–"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := inUnit(tc.value, tc.unit); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

func TestLevels(t *testing.T) {
	cases := map[string]struct {
		reason string
		most   float64
		unit   string
		want   []string
	}{
		"nothing":     {"an axis needs a length", 0, "short", []string{"0", "1"}},
		"pods":        {"there are no halves of pods", 3, "short", []string{"0", "1", "2", "3"}},
		"more":        {"round steps", 39, "short", []string{"0", "10", "20", "30", "40"}},
		"binary":      {"memory is counted by 1024", 70 << 20, "bytes", []string{"0 B", "20 MiB", "40 MiB", "60 MiB", "80 MiB"}},
		"very-little": {"short figures", 0.11, "reqps", []string{"0/s", "0.05/s", "0.1/s", "0.15/s"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			ticks, top := levels(tc.most, monitoring.Field{Unit: tc.unit})
			var got []string
			for _, tick := range ticks {
				got = append(got, tick.Label)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || top < tc.most {
				t.Errorf("%s: up to %v (-want +got)\n%s", tc.reason, top, diff)
			}
		})
	}
}

func TestStack(t *testing.T) {
	got := stack([]Series{
		{Name: "a", Points: []Point{{0, 1}, {1, 2}}},
		{Name: "b", Points: []Point{{1, 3}, {2, math.NaN()}}},
	})
	want := []Series{
		{Name: "a", Points: []Point{{0, 1}, {1, 2}, {2, 0}}},
		{Name: "b", Points: []Point{{0, 1}, {1, 5}, {2, 0}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestParts: what is not known is not drawn.
func TestParts(t *testing.T) {
	got := parts([]Point{{0, 1}, {1, 1}, {2, math.NaN()}, {3, 2}, {4, 2}, {9, 3}, {10, 3}})
	if len(got) != 3 || len(got[0]) != 2 || len(got[1]) != 2 || len(got[2]) != 2 {
		t.Errorf("%v, want three parts of two points", got)
	}
}

// TestPanel: every kind of panel is drawn with its title and its series; another kind
// is refused.
func TestPanel(t *testing.T) {
	series := []Series{
		{Name: "east ready", Labels: map[string]string{"virtual_node": "east"}, Points: []Point{{0, 1}, {5, math.NaN()}, {10, 1}}},
		{Name: "never", Labels: map[string]string{"virtual_node": "west"}, Points: []Point{{0, 0}, {10, 0}}},
	}
	cases := map[string]struct {
		reason, kind    string
		has, hasNot     []string
		fails, stacking bool
	}{
		"lines":   {"what is always 0 is left out", "timeseries", []string{"A title", "east ready", "0:10"}, []string{"never"}, false, false},
		"stacked": {"", "timeseries", []string{"A title", "east ready"}, nil, false, true},
		"stat":    {"0 says something here", "stat", []string{"A title", "east ready", "never"}, nil, false, false},
		"table":   {"by labels", "table", []string{"A title", "virtual_node", "west"}, nil, false, false},
		"other":   {"nobody has drawn it", "heatmap", nil, nil, true, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			panel := monitoring.Panel{Type: tc.kind, Title: "A title", Description: "What it shows."}
			panel.GridPos.W, panel.GridPos.H = 8, 7
			if tc.stacking {
				panel.FieldConfig.Defaults.Custom.Stacking.Mode = "normal"
			}
			svg, err := Panel(panel, series, 10)
			if (err != nil) != tc.fails {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			if err == nil && xml.Unmarshal(svg, new(struct{})) != nil {
				t.Error("it is no XML")
			}
			for _, text := range tc.has {
				if !strings.Contains(string(svg), ">"+text+"<") {
					t.Errorf("%s: %q is missing", tc.reason, text)
				}
			}
			for _, text := range tc.hasNot {
				if strings.Contains(string(svg), ">"+text+"<") {
					t.Errorf("%s: %q is there", tc.reason, text)
				}
			}
		})
	}
}
