package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
	"github.com/spillway-io/spillway/cmd/spillway/internal/terminal"
)

// enough is how many details of one finding people read.
const enough = 10

// text has the worst findings first, then what could not be looked at, then a line
// for each check that is well.
func (r Report) text(colour terminal.Palette) string {
	var text strings.Builder
	for _, f := range r.Findings {
		tell(&text, f, colour)
	}
	for _, u := range together(r.Unseen) {
		if u.Hides {
			fmt.Fprintf(&text, "%s not looked at: %s: %s\n         do: %s\n", colour.Yellow("UNKNOWN"), u.What, u.Why, u.Fix)
		}
	}
	for _, c := range r.Checks {
		if c.Well {
			fmt.Fprintf(&text, "%s %s: %s\n", colour.Green("ok     "), c.Name, strings.Join(c.Facts, "; "))
		}
	}
	for _, u := range r.Unseen {
		if !u.Hides {
			fmt.Fprintf(&text, "%s %s: %s\n", colour.Faint("-      "), u.What, u.Why)
		}
	}
	return text.String()
}

// tell says one finding.
func tell(text *strings.Builder, f finding.Finding, colour terminal.Palette) {
	object := ""
	if f.Object != "" {
		object = colour.Bold(f.Object) + ": "
	}
	fmt.Fprintf(text, "%s %s%s\n         do: %s\n", label(f.Severity, colour), object, f.Text, f.Fix)
	for _, detail := range f.Details[:min(enough, len(f.Details))] {
		fmt.Fprintf(text, "         %s\n", colour.Faint(detail))
	}
	if more := len(f.Details) - enough; more > 0 {
		fmt.Fprintf(text, "         and %d more; -o json has them all\n", more)
	}
}

// together has what could not be looked at for the same reason as one.
func together(unseen []finding.Unseen) []finding.Unseen {
	var all []finding.Unseen
	for _, u := range unseen {
		at := slices.IndexFunc(all, func(x finding.Unseen) bool { return x.Why == u.Why && x.Fix == u.Fix && x.Hides == u.Hides })
		if at < 0 {
			all = append(all, u)
		} else if what := strings.Split(all[at].What, "; "); !slices.Contains(what, u.What) {
			all[at].What += "; " + u.What
		}
	}
	return all
}

// label is as wide for each.
func label(s finding.Severity, colour terminal.Palette) string {
	switch s {
	case finding.Error:
		return colour.Red("ERROR  ")
	case finding.Warning:
		return colour.Yellow("WARNING")
	case finding.Note:
		return "note   "
	default:
		return string(s)
	}
}

// Summary is how much was found, on one line.
func (r Report) Summary() string {
	var parts []string
	for _, c := range []struct {
		n         int
		one, many string
	}{
		{r.Count(finding.Error), "error", "errors"},
		{r.Count(finding.Warning), "warning", "warnings"},
		{r.Count(finding.Note), "note", "notes"},
	} {
		switch {
		case c.n == 1:
			parts = append(parts, "1 "+c.one)
		case c.n > 1:
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.many))
		}
	}
	return strings.Join(parts, ", ")
}
