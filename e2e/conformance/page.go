package conformance

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// end is the last line of the page that Write writes; what is below is other
// people's.
const end = "<!-- Up to here `make conformance` writes this page. -->\n"

// Runs are the results on both nodes, and About is what they were run with, a
// paragraph.
type Runs struct {
	Kubelet, VirtualNode Results
	About                string
}

// Table is a Markdown table of how many specs ended how on either node.
func (r Runs) Table() string {
	var table strings.Builder
	table.WriteString("| node | passed | failed | skipped |\n|---|---|---|---|\n")
	for _, row := range []struct {
		node    string
		results Results
	}{{"kubelet", r.Kubelet}, {"virtual node", r.VirtualNode}} {
		_, _ = fmt.Fprintf(&table, "| %s | %d | %d | %d |\n", row.node,
			row.results.Count(Passed), row.results.Count(Failed), row.results.Count(Skipped))
	}
	return table.String()
}

// Differences are the specs that ended differently, or were run on one node only,
// sorted.
func (r Runs) Differences() []string {
	return r.choose(func(kubelet, virtual Outcome) bool { return kubelet != virtual })
}

// FailOnBoth are the specs that fail on both nodes, sorted.
func (r Runs) FailOnBoth() []string {
	return r.choose(func(kubelet, virtual Outcome) bool { return kubelet == Failed && virtual == Failed })
}

// choose returns the names of specs of either run; one that was not run has no
// outcome.
func (r Runs) choose(wanted func(kubelet, virtual Outcome) bool) []string {
	names := map[string]bool{}
	for _, results := range []Results{r.Kubelet, r.VirtualNode} {
		for name := range results {
			if wanted(r.Kubelet[name], r.VirtualNode[name]) {
				names[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Cause is why specs do not pass.
type Cause struct {
	// Specs matches their names.
	Specs *regexp.Regexp
	// Text says why, in Markdown.
	Text string
}

// Causes reads the causes that a page gives: below what Write writes, the rows of
// tables whose first of two cells is a regular expression in backquotes.
func Causes(page string) ([]Cause, error) {
	_, below, _ := strings.Cut(page, end)
	var causes []Cause
	for line := range strings.SplitSeq(below, "\n") {
		expression, text, ok := cells(line)
		if !ok {
			continue
		}
		specs, err := regexp.Compile(expression)
		if err != nil {
			return nil, fmt.Errorf("the cause %q is for no specs: %w", text, err)
		}
		causes = append(causes, Cause{Specs: specs, Text: text})
	}
	return causes, nil
}

// cells takes a row apart; in a cell of a table a bar is written \|.
func cells(line string) (expression, text string, ok bool) {
	rest, ok := strings.CutPrefix(line, "| `")
	if !ok {
		return "", "", false
	}
	expression, text, ok = strings.Cut(rest, "` | ")
	if !ok {
		return "", "", false
	}
	text, ok = strings.CutSuffix(text, " |")
	return strings.ReplaceAll(expression, `\|`, "|"), text, ok
}

// Write returns the page anew: a table, what the runs were, and the specs that
// differ or fail on both, by the causes that old gives. What old has below is
// kept. NoCause names the specs that pass on the kubelet and not on the virtual
// node, and match no cause.
func Write(old string, runs Runs) (page string, noCause []string, err error) {
	if old != "" && !strings.Contains(old, end) {
		return "", nil, fmt.Errorf("it has no line %q, below which it would be kept", strings.TrimSpace(end))
	}
	causes, err := Causes(old)
	if err != nil {
		return "", nil, err
	}
	var b strings.Builder
	b.WriteString(runs.Table())
	_, _ = fmt.Fprintf(&b, "\n# Conformance\n\n%s\n", strings.TrimSpace(runs.About))
	b.WriteString("\n## What differs\n\n")
	runs.list(&b, runs.Differences(), causes)
	b.WriteString("## What fails on both\n\n")
	runs.list(&b, runs.FailOnBoth(), causes)
	_, below, _ := strings.Cut(old, end)
	b.WriteString(end + below)

	for _, name := range runs.Differences() {
		if runs.Kubelet[name] == Passed && causeOf(name, causes) == len(causes) {
			noCause = append(noCause, name)
		}
	}
	return b.String(), noCause, nil
}

// causeOf is the index of the first cause that is one for a spec, or how many
// there are.
func causeOf(name string, causes []Cause) int {
	if i := slices.IndexFunc(causes, func(c Cause) bool { return c.Specs.MatchString(name) }); i >= 0 {
		return i
	}
	return len(causes)
}

// list lists specs by their causes, and those without one last.
func (r Runs) list(b *strings.Builder, names []string, causes []Cause) {
	if len(names) == 0 {
		b.WriteString("Nothing.\n\n")
	}
	by := make([][]string, len(causes)+1)
	for _, name := range names {
		i := causeOf(name, causes)
		by[i] = append(by[i], name)
	}
	for i, names := range by {
		if len(names) == 0 {
			continue
		}
		text := "Nobody has said why yet."
		if i < len(causes) {
			text = causes[i].Text
		}
		_, _ = fmt.Fprintf(b, "%s\n\n<details><summary>%s</summary>\n\n", text, counted(len(names), "spec"))
		for _, name := range names {
			_, _ = fmt.Fprintf(b, "- `%s`: %s on the kubelet, %s on the virtual node\n", name, orNotRun(r.Kubelet[name]), orNotRun(r.VirtualNode[name]))
		}
		b.WriteString("\n</details>\n\n")
	}
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func orNotRun(outcome Outcome) Outcome {
	if outcome == "" {
		return "not run"
	}
	return outcome
}
