package draw

import (
	"image/color"
	"math"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

// Chart is what a picture that is no panel of a dashboard says in words.
type Chart struct {
	// Title is what it is about, Description, below, what the figures are.
	Title, Description string
	// X is what the axis from left to right is, if there is one.
	X string
}

// Bar is one series of bars: a name for the legend, and a length for each group.
type Bar struct {
	Name    string
	Lengths []float64
}

// Sizes of bars, in points; chartWidth is that of all charts.
const (
	chartWidth vg.Length = 620
	barHeight  vg.Length = 10
	groupGap   vg.Length = 9
	labelRoom  vg.Length = 44
	// slack is for who has another font, in which words are wider.
	slack vg.Length = 1.2
)

// Bars draws groups of bars that lie below each other, the groups' names left of them, and
// returns an SVG. Each bar ends with its figure. A length that is no number has no bar.
func Bars(c Chart, groups []string, series []Bar) ([]byte, error) {
	names := make([]string, len(series))
	for i := range series {
		names[i] = series[i].Name
	}
	entries, rows := legend(names, chartWidth-2*margin)
	group := vg.Length(len(series)) * (barHeight + 1)
	height := 2*margin + titleHeight + vg.Length(len(groups))*(group+groupGap) + vg.Length(rows)*lineHeight
	p := newPaper(chartWidth, height)
	area := p.title(c.Title, c.Description)
	p.legend(entries, vg.Point{X: area.Min.X, Y: area.Min.Y + vg.Length(rows)*lineHeight})

	words := style(textSize, ink(), false)
	words.YAlign = text.YCenter
	left := area.Min.X
	for _, name := range groups {
		left = max(left, area.Min.X+slack*(words.Width(name)+8))
	}
	left = min(left, area.Min.X+(area.Max.X-area.Min.X)/2)
	scale := (area.Max.X - left - labelRoom) / vg.Length(longest(series))
	y := area.Max.Y
	for g, name := range groups {
		p.FillText(words, vg.Point{X: area.Min.X, Y: y - group/2}, fitting(words, name, (left-area.Min.X)/slack-4))
		for i, s := range series {
			top := y - vg.Length(i)*(barHeight+1)
			p.bar(vg.Point{X: left, Y: top - barHeight}, vg.Length(s.Lengths[g])*scale, short(s.Lengths[g]), seriesColor(i))
		}
		y -= group + groupGap
	}
	return p.done(c.Title)
}

// longest is the largest length of all, 1 if there is none.
func longest(series []Bar) float64 {
	most := 0.0
	for _, s := range series {
		for _, length := range s.Lengths {
			if length > most { // which what is no number never is
				most = length
			}
		}
	}
	if most == 0 {
		return 1
	}
	return most
}

// bar draws one from a place to the right.
func (p *paper) bar(at vg.Point, length vg.Length, label string, c color.Color) {
	if math.IsNaN(float64(length)) {
		length, label = 0, "–"
	}
	p.SetColor(c)
	p.Fill(vg.Rectangle{Min: at, Max: vg.Point{X: at.X + max(length, 0.5), Y: at.Y + barHeight}}.Path())
	words := style(textSize, faint(), false)
	words.YAlign = text.YCenter
	p.FillText(words, vg.Point{X: at.X + max(length, 0) + 4, Y: at.Y + barHeight/2}, label)
}
