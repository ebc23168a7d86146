package draw

import (
	"maps"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"

	"github.com/spillway-io/spillway/e2e/monitoring"
)

// axes sets up both axes, and returns where the upright one ends.
func axes(chart *plot.Plot, field monitoring.Field, series []Series, length float64) (top float64) {
	for _, s := range series {
		top = max(top, s.most())
	}
	if field.Max != nil {
		top = *field.Max
	}
	ticks, top := levels(top, field)
	chart.X.Min, chart.X.Max, chart.X.Tick.Marker = 0, length, moments(length)
	chart.Y.Min, chart.Y.Max, chart.Y.Tick.Marker = 0, top, ticks
	for _, axis := range []*plot.Axis{&chart.X, &chart.Y} {
		axis.Padding = 0
		// Unseen: they keep the labels off the axis.
		axis.Tick.Length, axis.Tick.LineStyle.Width, axis.Tick.LineStyle.Color = 4, vg.Points(0.1), card()
		axis.Tick.Label.Color = faint()
		axis.Tick.Label.Font = style(textSize, faint(), false).Font
		axis.LineStyle.Width = 0
	}
	chart.X.LineStyle.Width, chart.X.LineStyle.Color = vg.Points(0.8), edge()
	chart.X.Tick.Label.YAlign = text.YTop
	return top
}

// levels are four or five round figures up to one that nothing exceeds.
func levels(most float64, field monitoring.Field) (plot.ConstantTicks, float64) {
	if most == 0 {
		most = 1
	}
	step := round(most / 4)
	if field.Unit == "short" && field.Max == nil && most >= 1 { // of a few things there are no halves
		step = math.Ceil(step)
	}
	if field.Unit == "bytes" {
		step = 1 << 20 * round(most/4/(1<<20))
	}
	top := step * math.Ceil(most/step-1e-9)
	if field.Max == nil && top-most < step/8 {
		top += step / 4
	}
	var ticks plot.ConstantTicks
	for level := 0.0; level <= top+1e-9; level += step {
		ticks = append(ticks, plot.Tick{Value: level, Label: inUnit(level, field.Unit)})
	}
	return ticks, top
}

// round is the next of 1, 2, 2.5 and 5 times a power of ten.
func round(value float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(value)))
	for _, factor := range []float64{1, 2, 2.5, 5} {
		if value <= factor*power*(1+1e-9) {
			return factor * power
		}
	}
	return 10 * power
}

// moments are about six round times.
func moments(length float64) plot.ConstantTicks {
	step := 600.0
	for _, seconds := range []float64{5, 10, 15, 30, 60, 120, 300} {
		if length/seconds <= 8 {
			step = seconds
			break
		}
	}
	var ticks plot.ConstantTicks
	for at := 0.0; at <= length; at += step {
		ticks = append(ticks, plot.Tick{Value: at, Label: clock(at)})
	}
	return ticks
}

func sorted(set map[float64]float64) []float64 { return slices.Sorted(maps.Keys(set)) }
