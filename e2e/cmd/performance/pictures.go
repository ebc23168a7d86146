package main

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spillway-io/spillway/e2e/monitoring/draw"
	"github.com/spillway-io/spillway/e2e/ratio"
)

// prefix is what the file names of our pictures begin with.
const prefix = "performance-"

// picture is one of a suite's.
type picture struct {
	suite, title, file string
	svg                []byte
}

// pictures draws what the reports have to be drawn: bars first, then curves.
func pictures(reports []*ratio.Report) ([]picture, error) {
	var all []picture
	for _, r := range reports {
		for _, table := range r.Tables {
			columns, unit := drawn(table)
			if len(columns) == 0 {
				continue
			}
			svg, err := bars(table, columns, unit)
			if err != nil {
				return nil, fmt.Errorf("cannot draw %q: %w", table.Title, err)
			}
			all = append(all, picture{suite: r.Suite, title: heading(table.Title), svg: svg})
		}
	}
	for _, p := range plots(reports) {
		svg, err := p.draw()
		if err != nil {
			return nil, fmt.Errorf("cannot draw %q: %w", p.title, err)
		}
		all = append(all, picture{suite: p.suite, title: p.heading(), svg: svg})
	}
	for i := range all {
		all[i].file = fileName(all[i], all[:i])
	}
	return all, nil
}

// fileName is made from the suite and the title, and is nobody else's.
func fileName(p picture, others []picture) string {
	words := strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(p.title), "-"), "-")
	base := prefix + p.suite + "-" + strings.TrimPrefix(words, p.suite+"-")
	for n := 1; ; n++ {
		name := base + ".svg"
		if n > 1 {
			name = fmt.Sprintf("%s-%d.svg", base, n)
		}
		if !slices.ContainsFunc(others, func(other picture) bool { return other.file == name }) {
			return name
		}
	}
}

// heading is as much of a title as a picture has room for.
func heading(title string) string {
	head, _, _ := strings.Cut(title, ":")
	return head
}

// bar is a column that is drawn: the nth of that name, from 0.
type bar struct {
	name, column string
	nth          int
}

// index is where the column stands, or -1.
func (b bar) index(columns []string) int {
	nth := b.nth
	return slices.IndexFunc(columns, func(column string) bool {
		if column == b.column {
			nth--
		}
		return nth < 0
	})
}

// drawn are the columns of a table that are drawn beside each other, and what they are:
// the first of these sets that the table has all columns of. Another table is not drawn.
func drawn(t ratio.Table) (columns []bar, unit string) {
	for _, set := range []struct {
		unit    string
		columns []bar
	}{
		{"CPU seconds for 1,000 admissions", []bar{{"raw", "raw", 0}, {"decode and allow", "decode and allow", 0}, {"Spillway", "Spillway", 0}}},
		{"pods/s", []bar{{"created", "pods/s", 0}, {"deleted", "pods/s", 1}}},
		{"pods/s", []bar{{"created", "pods/s", 0}}},
	} {
		if !slices.ContainsFunc(set.columns, func(b bar) bool { return b.index(t.Columns) < 0 }) {
			return set.columns, set.unit
		}
	}
	return nil, ""
}

// bars draws columns of a table.
func bars(t ratio.Table, columns []bar, unit string) ([]byte, error) {
	groups := make([]string, len(t.Rows))
	for i, row := range t.Rows {
		if len(row) == 0 {
			return nil, errors.New("a row has no name")
		}
		groups[i] = row[0]
		if len(row) > 1 && t.Columns[1] == "" { // the name has two parts
			groups[i] += " " + row[1]
		}
	}
	series := make([]draw.Bar, 0, len(columns))
	for _, b := range columns {
		column := b.index(t.Columns)
		lengths := make([]float64, len(t.Rows))
		for i, row := range t.Rows {
			lengths[i] = math.NaN()
			if column < len(row) {
				lengths[i] = number(row[column])
			}
		}
		series = append(series, draw.Bar{Name: b.name, Lengths: lengths})
	}
	return draw.Bars(draw.Chart{Title: heading(t.Title), Description: unit}, groups, series)
}

// number is what a cell begins with, or no number.
func number(cell string) float64 {
	text := regexp.MustCompile(`^-?\d+(\.\d+)?`).FindString(strings.ReplaceAll(strings.TrimSpace(cell), ",", ""))
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return math.NaN()
	}
	return value
}

// plot is the curves that share a picture.
type plot struct {
	suite, title, x, y string
	curves             []draw.Curve
}

func plots(reports []*ratio.Report) []*plot {
	var all []*plot
	for _, r := range reports {
		for _, c := range r.Curves {
			i := slices.IndexFunc(all, func(p *plot) bool { return p.suite == r.Suite && p.title == c.Plot })
			if i < 0 {
				i = len(all)
				all = append(all, &plot{suite: r.Suite, title: c.Plot, x: c.X, y: c.Y})
			}
			curve := draw.Curve{Name: c.Name, Dashed: c.Computed}
			for _, p := range c.Points {
				curve.Points = append(curve.Points, draw.XY{X: p.X, Y: p.Y})
			}
			all[i].curves = append(all[i].curves, curve)
		}
	}
	return all
}

// heading is the title without the suite's name, which is that of the chapter.
func (p *plot) heading() string {
	return strings.TrimPrefix(p.title, p.suite+"-")
}

func (p *plot) draw() ([]byte, error) {
	return draw.Curves(draw.Chart{Title: p.heading(), Description: p.y, X: p.x}, p.curves)
}
