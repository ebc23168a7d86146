package draw

import (
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/spillway-io/spillway/e2e/monitoring"
)

// lines draws figures over time.
func lines(panel monitoring.Panel, series []Series, length float64, width, height vg.Length) ([]byte, error) {
	p := newPaper(width, height)
	area := p.title(panel.Title, panel.Description)
	names := make([]string, len(series))
	for i := range series {
		names[i] = series[i].Name
	}
	entries, rows := legend(names, area.Max.X-area.Min.X)
	below := vg.Length(rows)*lineHeight + 4
	p.legend(entries, vg.Point{X: area.Min.X, Y: area.Min.Y + vg.Length(rows)*lineHeight})

	chart := plot.New()
	chart.BackgroundColor = nil
	stacked := panel.FieldConfig.Defaults.Custom.Stacking.Mode == "normal"
	drawn := shown(entries, series)
	if stacked {
		drawn = stack(drawn)
	}
	top := axes(chart, panel.FieldConfig.Defaults, drawn, length)
	chart.Add(grid())
	for i, s := range slices.Backward(drawn) { // what lies below in a stack is drawn above
		if err := add(chart, s, i, panel.FieldConfig.Defaults, stacked); err != nil {
			return nil, err
		}
	}
	chart.Y.Max = top
	area.Min.Y += below
	chart.Draw(draw.Canvas{Canvas: p.Canvas.Canvas, Rectangle: area})
	return p.done(panel.Title)
}

// shown are the series that have their place in the legend.
func shown(entries []entry, series []Series) []Series {
	count := len(entries)
	if count > 0 && entries[count-1].color < 0 {
		count--
	}
	return series[:min(count, len(series))]
}

// stack adds up series, each on top of the one before. What lacks a figure is 0.
func stack(series []Series) []Series {
	sums := map[float64]float64{}
	var all []Series
	for _, s := range series {
		for _, p := range s.Points {
			sums[p.Since] += 0
		}
	}
	times := sorted(sums)
	for _, s := range series {
		at := map[float64]float64{}
		for _, p := range s.Points {
			if !math.IsNaN(p.Value) {
				at[p.Since] = p.Value
			}
		}
		top := Series{Name: s.Name}
		for _, t := range times {
			sums[t] += at[t]
			top.Points = append(top.Points, Point{t, sums[t]})
		}
		all = append(all, top)
	}
	return all
}

func add(chart *plot.Plot, s Series, i int, field monitoring.Field, stacked bool) error {
	for _, part := range parts(s.Points) {
		line, err := plotter.NewLine(part)
		if err != nil {
			return err
		}
		line.Color, line.Width = seriesColor(i), vg.Points(1.4)
		if field.Custom.LineInterpolation == "stepAfter" {
			line.StepStyle = plotter.PostStep
		}
		if stacked || field.Max != nil && line.StepStyle == plotter.NoStep {
			line.FillColor = blend(seriesColor(i))
		}
		chart.Add(line)
	}
	return nil
}

// parts are the points without those that are no numbers. These interrupt the line, and
// so does a time from which there are none.
func parts(points []Point) []plotter.XYs {
	var all []plotter.XYs
	var part plotter.XYs
	most := 3 * interval(points)
	for i, p := range points {
		if i > 0 && p.Since-points[i-1].Since > most && len(part) > 0 {
			all, part = append(all, part), nil
		}
		switch {
		case !math.IsNaN(p.Value) && !math.IsInf(p.Value, 0):
			part = append(part, plotter.XY{X: p.Since, Y: p.Value})
		case len(part) > 0:
			all, part = append(all, part), nil
		}
	}
	if len(part) > 0 {
		all = append(all, part)
	}
	return all
}

// interval is the least time between two points.
func interval(points []Point) float64 {
	least := math.Inf(1)
	for i := 1; i < len(points); i++ {
		least = min(least, points[i].Since-points[i-1].Since)
	}
	return least
}

// blend is a colour as it is on the card when it is thin. It is opaque: what lies
// behind in a stack must not be seen through it.
func blend(c color.NRGBA) color.Color {
	mix := func(c uint8) uint8 { return uint8(255 - (255-int(c))*35/100) }
	return color.NRGBA{mix(c.R), mix(c.G), mix(c.B), 0xff}
}

func grid() *plotter.Grid {
	g := plotter.NewGrid()
	g.Vertical.Color = nil
	g.Horizontal.Color, g.Horizontal.Width = rule(), vg.Points(0.7)
	return g
}
