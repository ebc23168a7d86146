package doctor

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
	"github.com/spillway-io/spillway/cmd/spillway/internal/terminal"
)

// Report is all that was found.
type Report struct {
	// Findings are ordered by severity, the worst first, then as the checks are.
	Findings []finding.Finding `json:"findings"`
	// Unseen could not be looked at.
	Unseen []finding.Unseen `json:"unseen"`
	// Checks are those that were run.
	Checks []Checked `json:"checks"`
}

// Checked is a check that was run.
type Checked struct {
	Name string `json:"name"`
	// Facts say what was looked at.
	Facts []string `json:"facts"`
	// Well says that it found nothing, and saw everything.
	Well bool `json:"well"`
}

func (r *Report) add(name string, o finding.Outcome) {
	for _, f := range o.Findings {
		f.Check = name
		r.Findings = append(r.Findings, f)
	}
	for _, u := range o.Unseen {
		u.Check = name
		r.Unseen = append(r.Unseen, u)
	}
	r.Checks = append(r.Checks, Checked{Name: name, Facts: append([]string{}, o.Facts...), Well: len(o.Findings)+len(o.Unseen) == 0})
}

func (r *Report) sort() {
	slices.SortStableFunc(r.Findings, func(a, b finding.Finding) int { return cmp.Compare(a.Severity.Rank(), b.Severity.Rank()) })
	slices.SortStableFunc(r.Unseen, func(a, b finding.Unseen) int { return cmp.Compare(hidden(a), hidden(b)) })
}

func hidden(u finding.Unseen) int {
	if u.Hides {
		return 0
	}
	return 1
}

// Count returns how many findings there are of a severity. What could not be
// looked at and may hide something counts as a warning, once for each reason.
func (r Report) Count(severity finding.Severity) int {
	n := 0
	for _, f := range r.Findings {
		if f.Severity == severity {
			n++
		}
	}
	for _, u := range together(r.Unseen) {
		if u.Hides && severity == finding.Warning {
			n++
		}
	}
	return n
}

// Formats returns what Write knows; the first one is the default.
func Formats() []string { return []string{"text", "json", "yaml"} }

// Write says what was found, for people or for programs.
func (r Report) Write(to io.Writer, format string) error {
	var text []byte
	var err error
	switch format {
	case "json":
		text, err = r.json()
	case "yaml":
		if text, err = r.json(); err == nil {
			text, err = yaml.JSONToYAML(text)
		}
	default:
		text = []byte(r.text(terminal.Style(to)))
	}
	if err == nil {
		_, err = to.Write(text)
	}
	if err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	return nil
}

func (r Report) json() ([]byte, error) {
	// Lists are lists, also when they are empty.
	r.Findings, r.Unseen, r.Checks = append([]finding.Finding{}, r.Findings...), append([]finding.Unseen{}, r.Unseen...), append([]Checked{}, r.Checks...)
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(r)
	return []byte(text.String()), err
}
