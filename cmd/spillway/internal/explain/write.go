package explain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"sigs.k8s.io/yaml"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/spillway-io/spillway/cmd/spillway/internal/terminal"
)

// Formats are what an Explanation can be written as; the first is for people.
func Formats() []string { return []string{"text", "json", "yaml"} }

// Write writes the explanation in one of the Formats, in colour if w is a terminal.
func (e Explanation) Write(w io.Writer, format string) error {
	var (
		text []byte
		err  error
	)
	switch format {
	case "json":
		text, err = json.MarshalIndent(e, "", "  ")
		text = append(text, '\n')
	case "yaml":
		text, err = yaml.Marshal(e)
	default:
		text = []byte(e.text(terminal.Style(w)))
	}
	if err != nil {
		return fmt.Errorf("cannot encode the explanation: %w", err)
	}
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("cannot print the explanation: %w", err)
	}
	return nil
}

// page is the text as it grows.
type page struct {
	bytes.Buffer
	terminal.Palette
}

func (p *page) line(format string, args ...any) {
	_, _ = fmt.Fprintf(p, format+"\n", args...) // a buffer takes everything
}

// section begins one.
func (p *page) section(title string) { p.line("\n%s", p.Bold(title)) }

// text begins with what matters: how things stand, and what to do.
func (e Explanation) text(palette terminal.Palette) string {
	p := &page{Palette: palette}
	p.line("%s", p.Bold(fmt.Sprintf("%s %s/%s: ", e.Kind, e.Namespace, e.Name))+e.Summary)
	e.advice(p)
	e.optIn(p)
	e.pods(p)
	e.spread(p)
	e.stash(p)
	e.sidecars(p)
	e.place(p)
	e.events(p)
	e.unknown(p)
	return p.String()
}

func (e Explanation) advice(p *page) {
	if len(e.Advice) == 0 && e.Found {
		p.line("%s", p.Green("nothing is wrong"))
	}
	for _, a := range e.Advice {
		word := string(a.Severity)
		switch a.Severity {
		case Error:
			word = p.Red(word)
		case Warning:
			word = p.Yellow(word)
		case Note:
			word = p.Faint(word)
		}
		p.line("%s: %s", word, oneLine(a.Cause))
		for _, do := range a.Do {
			p.line("  do: %s", do)
		}
	}
}

func (e Explanation) optIn(p *page) {
	if e.OptIn == nil {
		return
	}
	p.section("Opt-in")
	switch {
	case e.OptIn.Handled:
		p.line("  handled: %s", e.OptIn.Why)
	case e.OptIn.Reason == namespaceUnknown:
		p.line("  not known: %s", e.OptIn.Why)
	default:
		p.line("  not handled, %s: %s", e.OptIn.Reason, e.OptIn.Why)
	}
}

func (e Explanation) stash(p *page) {
	if e.Stash == nil {
		return
	}
	p.section("Stash")
	switch e.Stash.Origin {
	case "ours":
		if e.Place == nil {
			p.line("  the next pod gets one, written when it is created")
			break
		}
		p.line("  ours: written when the pod was created, and untouched since")
	case "malformed":
		p.line("  malformed: %s", e.Stash.Error)
	case "absent":
		p.line("  none: the pod keeps its own scheduling fields")
	case "supplied":
		p.line("  supplied by a person or a policy: downstream gets it as it is")
	}
	if e.Stash.Diff != "" {
		p.line("  scheduling fields, from the upstream pod to downstream:")
		p.diff(e.Stash.Diff)
	}
	if e.Stash.Differs != "" {
		p.line("  the live downstream pod has others:")
		p.diff(e.Stash.Differs)
	}
}

func (p *page) diff(text string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "@@"), line == "":
			continue
		case strings.HasPrefix(line, "-"):
			line = p.Red(line)
		case strings.HasPrefix(line, "+"):
			line = p.Green(line)
		}
		p.line("    %s", line)
	}
}

func (e Explanation) sidecars(p *page) {
	if len(e.Sidecars) == 0 {
		return
	}
	p.section("SidecarSets")
	var rows [][]string
	for _, s := range e.Sidecars {
		rows = append(rows, []string{s.Name, string(s.State), s.Why})
	}
	p.table(rows)
}

func (e Explanation) place(p *page) {
	at := e.Place
	if at == nil {
		return
	}
	p.section("Where it runs")
	rows := [][]string{{"phase", at.Phase}}
	add := func(name, value string) {
		if value != "" {
			rows = append(rows, []string{name, value})
		}
	}
	add("waits", at.Waits)
	switch {
	case at.Virtual:
		add("virtual node", join(at.Node, at.Ready))
	default:
		add("node", at.Node)
	}
	add("downstream pod", join(at.Downstream, at.DownstreamPhase))
	add("downstream node", at.DownstreamNode)
	add("downstream by", at.Source)
	p.table(rows)
}

func (e Explanation) events(p *page) {
	if len(e.Events) == 0 {
		return
	}
	p.section("Last events")
	var rows [][]string
	for _, event := range e.Events {
		kind := "normal"
		if event.Warning {
			kind = "warning"
		}
		times := ""
		if event.Count > 1 {
			times = fmt.Sprintf(" (%d times)", event.Count)
		}
		rows = append(rows, []string{duration.HumanDuration(e.Time.Sub(event.Last)), event.Cluster, kind, event.About, event.Reason, oneLine(event.Message) + times})
	}
	p.table(rows)
}

func (e Explanation) unknown(p *page) {
	if len(e.Unknown) == 0 {
		return
	}
	p.section("Not known")
	for _, u := range e.Unknown {
		p.line("  %s: %s", u.What, u.Why)
	}
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
