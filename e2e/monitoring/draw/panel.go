package draw

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"

	"github.com/spillway-io/spillway/e2e/monitoring"
)

// Point is a figure at a time, in seconds since the beginning.
type Point struct{ Since, Value float64 }

// Series is what is drawn as one line, one figure or one row.
type Series struct {
	// Name is for the legend, Labels are for a table.
	Name   string
	Labels map[string]string
	// Points stand in the order of time.
	Points []Point
}

// last is the newest figure.
func (s Series) last() float64 {
	if len(s.Points) == 0 {
		return math.NaN()
	}
	return s.Points[len(s.Points)-1].Value
}

// most is the largest figure.
func (s Series) most() float64 {
	most := 0.0
	for _, p := range s.Points {
		if !math.IsNaN(p.Value) {
			most = max(most, p.Value)
		}
	}
	return most
}

// column is the width of a column of Grafana's grid, of which a page has 24, and row
// the height of a row.
const (
	column vg.Length = 45
	row    vg.Length = 31
)

// Panel draws a panel of what was measured in length seconds, as SVG. What is 0 all the
// time is left out where something else is not.
func Panel(p monitoring.Panel, series []Series, length float64) ([]byte, error) {
	// The order of what Prometheus answers is nobody's.
	series = slices.Clone(series)
	slices.SortStableFunc(series, func(a, b Series) int { return cmp.Compare(a.Name, b.Name) })
	width, height := vg.Length(p.GridPos.W)*column, vg.Length(p.GridPos.H)*row
	switch p.Type {
	case "timeseries":
		return lines(p, telling(series), length, width, height+lineHeight)
	case "stat":
		return stat(p, series, width, height/2)
	case "table":
		return table(p, series, width)
	default:
		return nil, fmt.Errorf("panel %q is a %s, which nobody has drawn yet", p.Title, p.Type)
	}
}

// telling are the series that are not 0 all the time; one, if there is none.
func telling(series []Series) []Series {
	some := slices.DeleteFunc(slices.Clone(series), func(s Series) bool { return s.most() == 0 })
	if len(some) == 0 {
		return series[:min(1, len(series))]
	}
	return some
}
