package draw

import (
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/spillway-io/spillway/e2e/monitoring"
)

// Curve is a line of a chart.
type Curve struct {
	Name string
	// Points are in the order of their X.
	Points []XY
	// Dashed is for what nobody measured.
	Dashed bool
}

// XY is a place of a chart.
type XY struct{ X, Y float64 }

const (
	chartHeight vg.Length = 270
	// few is up to how many points a curve has one that is seen at each, and labels below.
	few = 6
	// far is how many times the first X the last one is where logarithms are drawn.
	far = 50
)

// Curves draws lines over one another, from 0 upwards, and returns an SVG.
func Curves(c Chart, curves []Curve) ([]byte, error) {
	names := make([]string, len(curves))
	for i := range curves {
		names[i] = curves[i].Name
	}
	entries, rows := legend(names, chartWidth-2*margin)
	below := vg.Length(rows) * lineHeight
	p := newPaper(chartWidth, chartHeight+below)
	area := p.title(c.Title, c.Description)
	p.legend(entries, vg.Point{X: area.Min.X, Y: area.Min.Y + below})
	area.Min.Y += below + 4

	chart := plot.New()
	chart.BackgroundColor = nil
	chart.X.Label.Text, chart.X.Label.TextStyle = c.X, style(textSize, faint(), false)
	chart.X.Label.TextStyle.XAlign, chart.X.Label.TextStyle.YAlign = draw.XCenter, draw.YBottom
	ends := extent(curves)
	top := axes(chart, monitoring.Field{}, []Series{{Points: []Point{{Value: ends.Y}}}}, ends.X)
	chart.X.Tick.Marker = places(curves, ends.X)
	if logarithmic(curves) {
		chart.X.Min, chart.X.Scale = first(curves), plot.LogScale{}
	}
	chart.Add(grid())
	for i, curve := range slices.Backward(curves) {
		if err := trace(chart, curve, i); err != nil {
			return nil, err
		}
	}
	chart.X.Max, chart.Y.Min, chart.Y.Max = ends.X, 0, top
	chart.Draw(draw.Canvas{Canvas: p.Canvas.Canvas, Rectangle: area})
	return p.done(c.Title)
}

// extent is how far the curves go to the right and up.
func extent(curves []Curve) XY {
	var ends XY
	for _, c := range curves {
		for _, p := range c.Points {
			ends.X, ends.Y = max(ends.X, p.X), max(ends.Y, p.Y)
		}
	}
	return ends
}

// first is the least X.
func first(curves []Curve) float64 {
	least := math.Inf(1)
	for _, c := range curves {
		if len(c.Points) > 0 {
			least = min(least, c.Points[0].X)
		}
	}
	return least
}

// logarithmic says whether X is drawn so: for a few steps that are far from each other,
// and not for a line that begins early.
func logarithmic(curves []Curve) bool {
	least := first(curves)
	return least > 0 && extent(curves).X > far*least && len(steps(curves)) <= few
}

// steps are the X of all points.
func steps(curves []Curve) map[float64]float64 {
	at := map[float64]float64{}
	for _, c := range curves {
		for _, p := range c.Points {
			at[p.X] = 0
		}
	}
	return at
}

// places are the X of the points if these are few, else round figures.
func places(curves []Curve, end float64) plot.ConstantTicks {
	at := steps(curves)
	if len(at) > few {
		ticks, _ := levels(end, monitoring.Field{})
		return slices.DeleteFunc(ticks, func(t plot.Tick) bool { return t.Value > end })
	}
	var ticks plot.ConstantTicks
	for _, x := range sorted(at) {
		ticks = append(ticks, plot.Tick{Value: x, Label: short(x)})
	}
	return ticks
}

// trace adds a curve to a chart.
func trace(chart *plot.Plot, c Curve, i int) error {
	points := make(plotter.XYs, len(c.Points))
	for j, p := range c.Points {
		points[j] = plotter.XY{X: p.X, Y: p.Y}
	}
	line, dots, err := plotter.NewLinePoints(points)
	if err != nil {
		return err
	}
	line.Color, line.Width = seriesColor(i), vg.Points(1.4)
	if c.Dashed {
		line.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
	}
	chart.Add(line)
	if !c.Dashed && len(points) <= few {
		dots.Shape, dots.Color, dots.Radius = draw.CircleGlyph{}, seriesColor(i), vg.Points(2.5)
		chart.Add(dots)
	}
	return nil
}
