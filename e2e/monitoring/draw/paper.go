package draw

import (
	"bytes"
	"fmt"
	"image/color"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Sizes, in points.
const (
	margin      vg.Length = 12
	radius      vg.Length = 5
	titleSize   vg.Length = 11
	textSize    vg.Length = 8.5
	titleHeight vg.Length = 34
	lineHeight  vg.Length = 13
)

// ink and the like are colours of a light card, which pages of any colour can have.
func ink() color.Color   { return color.NRGBA{0x24, 0x29, 0x2f, 0xff} }
func faint() color.Color { return color.NRGBA{0x65, 0x6d, 0x76, 0xff} }
func rule() color.Color  { return color.NRGBA{0xe3, 0xe6, 0xea, 0xff} }
func card() color.Color  { return color.NRGBA{0xfd, 0xfd, 0xfe, 0xff} }
func edge() color.Color  { return color.NRGBA{0xc9, 0xd1, 0xd9, 0xff} }

// series colours can be told apart also by those who do not see all colours.
func seriesColor(i int) color.NRGBA {
	all := []color.NRGBA{
		{0x1f, 0x77, 0xb4, 0xff},
		{0xe6, 0x7e, 0x22, 0xff},
		{0x2a, 0x9d, 0x6f, 0xff},
		{0xc0, 0x39, 0x5b, 0xff},
		{0x7e, 0x57, 0xc2, 0xff},
		{0x8d, 0x6e, 0x63, 0xff},
		{0x00, 0x9f, 0xb7, 0xff},
		{0xd8, 0x6f, 0xb0, 0xff},
		{0x9e, 0x9d, 0x24, 0xff},
		{0x60, 0x7d, 0x8b, 0xff},
	}
	return all[i%len(all)]
}

// named are the colours that Grafana's thresholds have.
func named(name string) color.NRGBA {
	switch name {
	case "red":
		return color.NRGBA{0xc4, 0x3d, 0x3d, 0xff}
	case "orange":
		return color.NRGBA{0xd9, 0x80, 0x1f, 0xff}
	case "green":
		return color.NRGBA{0x2f, 0x8f, 0x52, 0xff}
	default:
		return color.NRGBA{0x1f, 0x6f, 0xb0, 0xff}
	}
}

// paper is a picture that is being drawn.
type paper struct {
	svg *vgsvg.Canvas
	draw.Canvas
}

func newPaper(width, height vg.Length) *paper {
	svg := vgsvg.New(width, height)
	p := &paper{svg: svg, Canvas: draw.New(svg)}
	p.box(p.Rectangle, card(), edge())
	return p
}

// box fills a rectangle with round corners.
func (p *paper) box(r vg.Rectangle, fill, line color.Color) {
	const half = 0.5
	x0, y0, x1, y1 := r.Min.X+half, r.Min.Y+half, r.Max.X-half, r.Max.Y-half
	var path vg.Path
	path.Move(vg.Point{X: x0 + radius, Y: y0})
	for _, corner := range []struct {
		x, y  vg.Length
		start float64
	}{
		{x1 - radius, y0 + radius, -quarter},
		{x1 - radius, y1 - radius, 0},
		{x0 + radius, y1 - radius, quarter},
		{x0 + radius, y0 + radius, 2 * quarter},
	} {
		path.Arc(vg.Point{X: corner.x, Y: corner.y}, radius, corner.start, quarter)
	}
	path.Close()
	p.SetColor(fill)
	p.Fill(path)
	if line != nil {
		p.SetColor(line)
		p.SetLineWidth(1)
		p.Stroke(path)
	}
}

// quarter of a circle.
const quarter = 3.14159265358979 / 2

// style is a text's.
func style(size vg.Length, c color.Color, bold bool) text.Style {
	face := font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
	if bold {
		face.Weight = 2 // golang.org/x/image/font.WeightSemiBold has no face; bold has.
	}
	return text.Style{Color: c, Font: face, Handler: plot.DefaultTextHandler}
}

// title writes what the picture is about, and returns what is left of it.
func (p *paper) title(title, description string) vg.Rectangle {
	top := p.Max.Y - margin
	bold := style(titleSize, ink(), true)
	bold.YAlign = text.YTop
	p.FillText(bold, vg.Point{X: p.Min.X + margin, Y: top}, title)
	if description == "" {
		return vg.Rectangle{Min: vg.Point{X: p.Min.X + margin, Y: p.Min.Y + margin}, Max: vg.Point{X: p.Max.X - margin, Y: top - 18}}
	}
	small := style(textSize, faint(), false)
	small.YAlign = text.YTop
	room := p.Max.X - p.Min.X - 2*margin
	p.FillText(small, vg.Point{X: p.Min.X + margin, Y: top - 15}, fitting(small, description, room))
	return vg.Rectangle{
		Min: vg.Point{X: p.Min.X + margin, Y: p.Min.Y + margin},
		Max: vg.Point{X: p.Max.X - margin, Y: top - titleHeight},
	}
}

// fitting cuts a text to a width.
func fitting(s text.Style, words string, room vg.Length) string {
	if s.Width(words) <= room {
		return words
	}
	runes := []rune(words)
	for len(runes) > 0 && s.Width(string(runes)+"…") > room {
		runes = runes[:len(runes)-1]
	}
	return strings.TrimRight(string(runes), " ,.") + "…"
}

// done returns the picture. Who has no Liberation Sans has a font of the same widths.
func (p *paper) done(title string) ([]byte, error) {
	var out bytes.Buffer
	if _, err := p.svg.WriteTo(&out); err != nil {
		return nil, fmt.Errorf("cannot write the picture %q: %w", title, err)
	}
	return bytes.ReplaceAll(out.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;")), nil
}
