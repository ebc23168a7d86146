package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/spillway-io/spillway/e2e/ratio"
)

// The text of the page.
//
//go:embed page.md.tmpl
var text string

// render writes the page.
func render(reports []*ratio.Report, all []picture) ([]byte, error) {
	p := page{reports: reports, pictures: all}
	parsed, err := template.New("page").Funcs(template.FuncMap{
		"machines": p.machines, "limits": p.limits, "suite": p.suite, "value": p.value,
	}).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("cannot read the page's text: %w", err)
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, nil); err != nil {
		return nil, fmt.Errorf("cannot write the page: %w", err)
	}
	return out.Bytes(), nil
}

// page is what the text of the page asks for.
type page struct {
	reports  []*ratio.Report
	pictures []picture
}

// machines says where and when everything was measured.
func (p page) machines() string {
	var said []string
	for _, r := range p.reports {
		line := fmt.Sprintf("- %s: %s, on %s", r.Suite, day(r.Date), machine(r.Machine))
		if !slices.Contains(said, line) {
			said = append(said, line)
		}
	}
	return strings.Join(said, "\n")
}

func day(at time.Time) string { return at.UTC().Format("2 January 2006") }

func machine(m ratio.Machine) string {
	cpu := m.CPU
	if cpu == "" {
		cpu = "a CPU that does not say what it is"
	}
	return fmt.Sprintf("%d cores of %s, %s", m.Cores, strings.Join(strings.Fields(cpu), " "), m.Go)
}

// limits is the table of all ratios.
func (p page) limits() string {
	t := ratio.Table{Columns: []string{"ratio", "measured", "limit", "holds"}}
	for _, r := range p.ratios() {
		word, limit, holds := "at most", fmt.Sprintf("%.2f", r.Limit), "yes"
		if r.AtLeast {
			word = "at least"
		}
		if !r.Holds() {
			holds = "**no**"
		}
		t.Rows = append(t.Rows, []string{"`" + r.Name + "`", fmt.Sprintf("%.2f", r.Value), word + " " + limit, holds})
	}
	return table(t)
}

func (p page) ratios() (all []ratio.Ratio) {
	for _, r := range p.reports {
		all = append(all, r.Ratios...)
	}
	return all
}

// value is that of a ratio, for a sentence.
func (p page) value(name string) string {
	for _, r := range p.ratios() {
		if r.Name == name {
			return fmt.Sprintf("%.2f", r.Value)
		}
	}
	return "(nobody measured)"
}

// suite is what a suite has to show: pictures, then tables.
func (p page) suite(name string) string {
	var parts []string
	for _, pic := range p.pictures {
		if pic.suite == name {
			parts = append(parts, fmt.Sprintf("![%s](pictures/%s)", cell(pic.title), pic.file))
		}
	}
	for _, r := range p.reports {
		if r.Suite != name {
			continue
		}
		for _, t := range r.Tables {
			parts = append(parts, "**"+cell(t.Title)+"**", table(t))
		}
	}
	if len(parts) == 0 {
		return "Nobody has measured this for the page yet."
	}
	return strings.Join(parts, "\n\n")
}

// table writes Markdown. Figures are right-aligned, names are not.
func table(t ratio.Table) string {
	var out strings.Builder
	line := func(cells []string) {
		for i := range t.Columns {
			content := ""
			if i < len(cells) {
				content = cell(cells[i])
			}
			out.WriteString("| " + content + " ")
		}
		out.WriteString("|\n")
	}
	line(t.Columns)
	for i := range t.Columns {
		if i == 0 {
			out.WriteString("|---")
			continue
		}
		out.WriteString("|---:")
	}
	out.WriteString("|\n")
	for _, row := range t.Rows {
		line(row)
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// cell is a text that cannot end a cell.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text)
}
