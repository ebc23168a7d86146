package docs

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Stage says against what a page runs.
type Stage string

// The stages, as pages name them.
const (
	Shared       Stage = ""
	WithSpillway Stage = "clusters with Spillway"
	Two          Stage = "two downstream clusters with Spillway"
	Bare         Stage = "clusters"
)

// Page is one file of documentation.
type Page struct {
	// Path is relative to the checkout's top folder.
	Path   string
	Stage  Stage
	Fences []Fence
	// Incidents are what befalls the clusters between the commands.
	Incidents []Incident
	// Links are to other places of the checkout, Anchors what links to this page may name.
	Links   []Link
	Anchors []string
	// lines is how many it has.
	lines int
}

// Incident is what happens to a downstream cluster at a line of the page.
type Incident struct {
	Line int
	// Cluster is its name.
	Cluster string
	// Back says that its API server answers again, else it stops answering.
	Back bool
}

// Fence is one fenced block.
type Fence struct {
	// Line is that of the opening fence, from 1; End that of the closing one.
	Line, End int
	Language  string
	// File is where it is written before later commands, or empty.
	File string
	// Needs is why it does not run here, or empty.
	Needs string
	// Exits is the exit code of the last command, as text, or empty for 0.
	Exits string
	// Lines are without the indentation of the fence.
	Lines []string
}

// Original is the path of the page that this one translates, or empty.
func (p Page) Original() string {
	if name, ok := strings.CutSuffix(p.Path, ".zh.md"); ok {
		return name + ".md"
	}
	return ""
}

// Differs says where a translation tells to type something else than the original.
func (p Page) Differs(original Page) error {
	isText := func(f Fence) bool { return f.Language == "text" }
	mine, theirs := slices.DeleteFunc(slices.Clone(p.Fences), isText), slices.DeleteFunc(slices.Clone(original.Fences), isText)
	for i := range max(len(mine), len(theirs)) {
		switch {
		case i == len(mine):
			return fmt.Errorf("%s: the fence at %s:%d is missing", p.Path, original.Path, theirs[i].Line)
		case i == len(theirs):
			return fmt.Errorf("%s:%d: %s has no such fence", p.Path, mine[i].Line, original.Path)
		case mine[i].Language != theirs[i].Language || mine[i].File != theirs[i].File || mine[i].Text() != theirs[i].Text():
			return fmt.Errorf("%s:%d: not the fence at %s:%d", p.Path, mine[i].Line, original.Path, theirs[i].Line)
		}
	}
	return nil
}

// Text is the content.
func (f Fence) Text() string { return strings.Join(f.Lines, "\n") + "\n" }

// Runs says whether these are commands that run here.
func (f Fence) Runs() bool { return f.Language == "sh" && f.Needs == "" }

// ReadPage finds the fences of a page and what it runs on. The error names every line
// that is against the rules, as path:line.
func ReadPage(path, text string) (Page, error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	r := reader{
		page:     Page{Path: path, lines: len(lines)},
		fence:    regexp.MustCompile("^([ >]*)(```+|~~~+)(.*)$"),
		stage:    regexp.MustCompile(`^<!-- (runs on|happens): (.*) -->$`),
		hidden:   regexp.MustCompile("```|~~~|<pre\\b"),
		indented: regexp.MustCompile(`^(?:\t| {4,})(?:\$ )?(?:bin/)?(?:spillway|kubectl|helm|make|go|git|curl) `),
	}
	for i, line := range lines {
		if r.open == nil {
			r.prose(i+1, line)
		} else {
			r.content(i+1, line)
		}
	}
	if r.open != nil {
		r.complain(r.open.Line, errors.New("this fence is never closed"))
	}
	return r.page, errors.Join(r.errs...)
}

// reader reads a page line by line.
type reader struct {
	page         Page
	fence, stage *regexp.Regexp
	// hidden is what Markdown takes for code and the reader does not, as indented is after
	// an empty line, which the last one was if blank.
	hidden, indented *regexp.Regexp
	blank            bool
	// open is the fence that the line is in, indent what stands before its lines, mark
	// what closes it.
	open         *Fence
	indent, mark string
	errs         []error
}

func (r *reader) complain(line int, err error) {
	if err != nil {
		r.errs = append(r.errs, fmt.Errorf("%s:%d: %w", r.page.Path, line, err))
	}
}

// prose reads a line between fences.
func (r *reader) prose(n int, line string) {
	if found := r.stage.FindStringSubmatch(line); found != nil {
		r.complain(n, r.page.told(n, found[1], found[2]))
	}
	found := r.fence.FindStringSubmatch(line)
	if found == nil {
		if r.hidden.MatchString(line) || r.blank && r.indented.MatchString(line) {
			r.complain(n, errors.New("code that is no fence here: fences begin their line, behind spaces and > only"))
		}
		r.blank = strings.TrimSpace(line) == ""
		r.page.Links = append(r.page.Links, linksIn(n, line)...)
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			r.page.Anchors = append(r.page.Anchors, anchor(title))
		}
		return
	}
	fence, err := readFence(found[3])
	if err == nil {
		err = allowed(r.page.Path, fence)
	}
	r.complain(n, err)
	fence.Line = n
	r.open, r.indent, r.mark = &fence, found[1], found[2]
}

// told reads an HTML comment for the runner.
func (p *Page) told(n int, about, text string) error {
	if about == "runs on" {
		p.Stage = Stage(text)
		if !slices.Contains([]Stage{Bare, WithSpillway, Two}, p.Stage) {
			return fmt.Errorf("there is no stage %q", text)
		}
		return nil
	}
	cluster, event, _ := strings.Cut(text, " ")
	if p.Stage == Shared {
		return errors.New("other pages are in these clusters: let the page have its own")
	}
	if !slices.Contains(downstreamOf(p.Stage), cluster) || event != "does not answer" && event != "answers again" {
		return fmt.Errorf("%q is not NAME does not answer, or NAME answers again", text)
	}
	p.Incidents = append(p.Incidents, Incident{Line: n, Cluster: cluster, Back: event == "answers again"})
	return nil
}

// content reads a line of a fence.
func (r *reader) content(n int, line string) {
	if bare := strings.TrimSpace(line); !strings.HasPrefix(bare, r.mark) || strings.Trim(bare, r.mark) != "" {
		line = strings.TrimPrefix(line, r.indent)
		if strings.HasPrefix(strings.TrimSpace(line), "$ ") {
			r.complain(n, errors.New("a command with a prompt: commands stand in sh fences, what they print in text fences"))
		}
		r.open.Lines = append(r.open.Lines, line)
		return
	}
	r.open.End = n
	if r.open.Exits != "" && r.open.commands() != 1 {
		r.complain(r.open.Line, errors.New("exits= is for one command: those before it could fail unnoticed"))
	}
	r.page.Fences = append(r.page.Fences, *r.open)
	r.open = nil
}

// readFence reads what stands behind the opening marks: a language and attributes.
func readFence(info string) (Fence, error) {
	info = strings.TrimSpace(info)
	language, rest, _ := strings.Cut(info, " ")
	fence := Fence{Language: language}
	if language == "" {
		return fence, errors.New("a fence without a language: sh for commands, text for what is neither run nor checked")
	}
	attribute := regexp.MustCompile(`^\s*([a-z]+)=("[^"]*"|[^\s"]+)`)
	for strings.TrimSpace(rest) != "" {
		found := attribute.FindStringSubmatch(rest)
		if found == nil {
			return fence, fmt.Errorf("%q is no NAME=VALUE", strings.TrimSpace(rest))
		}
		value := strings.Trim(found[2], `"`)
		switch found[1] {
		case "file":
			fence.File = value
		case "needs":
			fence.Needs = value
		case "exits":
			fence.Exits = value
		default:
			return fence, fmt.Errorf("there is no attribute %s: file, needs, exits", found[1])
		}
		rest = rest[len(found[0]):]
	}
	return fence, nil
}

// allowed judges a fence by where it is and what it says of itself.
func allowed(path string, f Fence) error {
	switch f.Language {
	case "sh":
		if strings.HasPrefix(path, "docs/decisions/") {
			return errors.New("a decision is a record, whose commands nobody keeps true: text")
		}
		if f.File != "" {
			return errors.New("commands are not written to files")
		}
	case "yaml", "json", "go", "promql", "text":
		if f.Exits != "" {
			return errors.New("only commands exit")
		}
	default:
		return fmt.Errorf("language %q is not one of sh, yaml, json, go, promql, text", f.Language)
	}
	return nil
}
