package draw

import (
	"fmt"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

// maxRows is how many rows a legend has at most.
const maxRows = 3

// entry is a series in the legend, at a place from its top left.
type entry struct {
	name  string
	color int
	x     vg.Length
	row   int
}

// legend arranges names in rows, and says how many rows these are. Names for which
// there is no room are counted in the last entry, which has no colour.
func legend(names []string, room vg.Length) (entries []entry, rows int) {
	small := style(textSize, ink(), false)
	const swatch, gap = 12, 14
	x, line := vg.Length(0), 0
	for i, name := range names {
		width := swatch + small.Width(name) + gap
		if x > 0 && x+width-gap > room {
			x, line = 0, line+1
		}
		if more := fmt.Sprintf("and %d more", len(names)-i); line == maxRows-1 && i < len(names)-1 && x+width+small.Width(more) > room {
			return append(entries, entry{name: more, color: -1, x: x, row: line}), line + 1
		}
		entries = append(entries, entry{name: name, color: i, x: x, row: line})
		x += width
	}
	return entries, line + 1
}

// legend draws one below a place.
func (p *paper) legend(entries []entry, at vg.Point) {
	small := style(textSize, ink(), false)
	small.YAlign = text.YCenter
	for _, e := range entries {
		x, y := at.X+e.x, at.Y-vg.Length(e.row)*lineHeight-lineHeight/2
		if e.color < 0 {
			small.Color = faint()
			p.FillText(small, vg.Point{X: x, Y: y}, e.name)
			continue
		}
		p.SetColor(seriesColor(e.color))
		p.Fill(vg.Rectangle{Min: vg.Point{X: x, Y: y - 1.5}, Max: vg.Point{X: x + 9, Y: y + 1.5}}.Path())
		p.FillText(small, vg.Point{X: x + 12, Y: y}, e.name)
	}
}
