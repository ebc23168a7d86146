package draw

import (
	"cmp"
	"image/color"
	"maps"
	"slices"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/spillway-io/spillway/e2e/monitoring"
)

// stat draws the newest figure of each series, on the colour of its threshold.
func stat(panel monitoring.Panel, series []Series, width, height vg.Length) ([]byte, error) {
	p := newPaper(width, height)
	area := p.title(panel.Title, "")
	each := (area.Max.X - area.Min.X) / vg.Length(max(1, len(series)))
	for i, s := range series {
		box := vg.Rectangle{
			Min: vg.Point{X: area.Min.X + vg.Length(i)*each, Y: area.Min.Y},
			Max: vg.Point{X: area.Min.X + vg.Length(i+1)*each, Y: area.Max.Y},
		}
		p.box(box, threshold(panel.FieldConfig.Defaults, s.last()), nil)
		figure := style(24, color.White, true)
		figure.XAlign, figure.YAlign = text.XCenter, text.YCenter
		words := inUnit(s.last(), panel.FieldConfig.Defaults.Unit)
		for figure.Width(words) > each-8 && figure.Font.Size > textSize {
			figure.Font.Size--
		}
		middle := vg.Point{X: (box.Min.X + box.Max.X) / 2, Y: (box.Min.Y+box.Max.Y)/2 + 4}
		p.FillText(figure, middle, words)
		name := style(textSize, color.White, false)
		name.XAlign, name.YAlign = text.XCenter, text.YBottom
		p.FillText(name, vg.Point{X: middle.X, Y: box.Min.Y + 4}, fitting(name, s.Name, each-8))
	}
	return p.done(panel.Title)
}

func threshold(field monitoring.Field, value float64) color.Color {
	name := ""
	for _, step := range field.Thresholds.Steps {
		if step.Value == nil || value >= *step.Value {
			name = step.Color
		}
	}
	return named(name)
}

// table draws a row for each series, the largest figure first.
func table(panel monitoring.Panel, series []Series, width vg.Length) ([]byte, error) {
	const high = lineHeight + 4
	p := newPaper(width, margin+titleHeight+vg.Length(len(series)+1)*high+margin)
	area := p.title(panel.Title, panel.Description)
	cells := rows(panel, series)
	faintly, plainly := style(textSize, faint(), true), style(textSize+0.5, ink(), false)
	x := area.Min.X
	for column := range cells[0] {
		widest := vg.Length(0)
		for row, line := range cells {
			s := plainly
			if row == 0 {
				s = faintly
			}
			s.YAlign = text.YTop
			widest = max(widest, s.Width(line[column]))
			p.FillText(s, vg.Point{X: x, Y: area.Max.Y - vg.Length(row)*high}, line[column])
		}
		x += widest + 24
	}
	for row := range series {
		y := area.Max.Y - vg.Length(row+1)*high + 4
		p.StrokeLine2(draw.LineStyle{Color: rule(), Width: vg.Points(0.7)}, area.Min.X, y, area.Max.X, y)
	}
	return p.done(panel.Title)
}

// rows are the cells of a table, the names of the labels first.
func rows(panel monitoring.Panel, series []Series) [][]string {
	slices.SortStableFunc(series, func(a, b Series) int { return cmp.Compare(b.last(), a.last()) })
	columns := map[string]bool{}
	for _, s := range series {
		for label := range s.Labels {
			columns[label] = true
		}
	}
	labels := slices.Sorted(maps.Keys(columns))
	all := [][]string{append(slices.Clone(labels), "value")}
	for _, s := range series {
		line := make([]string, 0, len(labels)+1)
		for _, label := range labels {
			line = append(line, s.Labels[label])
		}
		all = append(all, append(line, inUnit(s.last(), panel.FieldConfig.Defaults.Unit)))
	}
	return all
}
