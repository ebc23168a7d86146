// Package terminal says whether output goes to a person's terminal, and colours
// text if it does. It refuses to lay out text: what is printed is the same with and
// without colour.
package terminal

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Palette colours text, or leaves it as it is. The zero value leaves it.
type Palette struct {
	colours bool
}

// Style is the palette for what is written to w: with colour if w is a terminal and
// the environment does not say NO_COLOR, see https://no-color.org.
func Style(w io.Writer) Palette {
	file, isFile := w.(*os.File)
	return Palette{colours: isFile && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(file.Fd()))}
}

// Coloured is the palette that always colours.
func Coloured() Palette {
	return Palette{colours: true}
}

// Bold is for what is to be read first.
func (p Palette) Bold(text string) string { return p.within("1", text) }

// Red is for errors.
func (p Palette) Red(text string) string { return p.within("31", text) }

// Yellow is for warnings.
func (p Palette) Yellow(text string) string { return p.within("33", text) }

// Green is for what is as it should be.
func (p Palette) Green(text string) string { return p.within("32", text) }

// Faint is for what can be skipped.
func (p Palette) Faint(text string) string { return p.within("2", text) }

// within puts text into an SGR sequence of ECMA-48.
func (p Palette) within(code, text string) string {
	if !p.colours || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
