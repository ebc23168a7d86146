package draw

import (
	"encoding/xml"
	"math"
	"strings"
	"testing"
)

// TestBars: each bar has its figure, and one that nobody measured is said to be none.
func TestBars(t *testing.T) {
	svg, err := Bars(Chart{Title: "A title", Description: "CPU seconds"}, []string{"S0 & nothing", "S1"},
		[]Bar{{Name: "decode", Lengths: []float64{0.81, 0.9}}, {Name: "spillway", Lengths: []float64{0.27, math.NaN()}}})
	sees(t, svg, err, []string{"A title", "CPU seconds", "S0 &amp; nothing", "S1", "decode", "spillway", "0.81", "0.9", "0.27", "–"}, nil)
}

// TestCurves: the ticks are where something was measured, as long as these are few.
func TestCurves(t *testing.T) {
	over := func(xs ...float64) (points []XY) {
		for _, x := range xs {
			points = append(points, XY{x, x / 10})
		}
		return points
	}
	cases := map[string]struct {
		reason      string
		curves      []Curve
		has, hasNot []string
	}{
		"few":         {"each size is named", []Curve{{Name: "measured", Points: over(500, 2000, 8000)}, {Name: "linear", Points: over(500, 8000), Dashed: true}}, []string{"500", "2000", "8000", "measured", "linear", "pods"}, []string{"4000"}},
		"many":        {"round figures are", []Curve{{Name: "measured", Points: over(0, 7, 14, 21, 28, 35, 39)}}, []string{"0", "10", "20", "30"}, []string{"35", "40"}},
		"logarithmic": {"the first of them can be told from the axis", []Curve{{Name: "measured", Points: over(10, 100, 1000)}}, []string{"10", "100", "1000"}, []string{"0.5"}},
		"early":       {"a line over time has an axis of time", []Curve{{Name: "measured", Points: over(0.01, 7, 14, 21, 28, 35, 39)}}, []string{"0", "10", "30"}, []string{"0.01"}},
		"nothing":     {"an axis needs a length", []Curve{{Name: "connections", Points: []XY{{0, 0}, {1, 0}}}}, []string{"connections", "0", "1"}, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Log(tc.reason)
			svg, err := Curves(Chart{Title: "A title", X: "pods"}, tc.curves)
			sees(t, svg, err, tc.has, tc.hasNot)
		})
	}
}

func sees(t *testing.T, svg []byte, err error, has, hasNot []string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if xml.Unmarshal(svg, new(struct{})) != nil {
		t.Error("it is no XML")
	}
	for _, text := range has {
		if !strings.Contains(string(svg), ">"+text+"<") {
			t.Errorf("%q is missing", text)
		}
	}
	for _, text := range hasNot {
		if strings.Contains(string(svg), ">"+text+"<") {
			t.Errorf("%q is there", text)
		}
	}
}
