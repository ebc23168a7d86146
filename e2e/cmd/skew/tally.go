package main

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/spillway-io/spillway/e2e/leftout"
)

// notJudged begins what a story says that cannot judge everything at a version.
const notJudged = "NOT JUDGED: "

// event is what `go test -json` prints in a line, see `go doc test2json`.
type event struct {
	Action  string
	Package string
	Test    string  // nothing: the package
	Elapsed float64 // seconds
	Output  string
}

// story names the story that e is about, a part of it included, or its package.
func (e event) story() string {
	name, _, _ := strings.Cut(e.Test, "/")
	return strings.TrimSuffix(path.Base(e.Package)+"/"+name, "/")
}

// tally is what the events of one run say.
type tally struct {
	passed          int
	failed, skipped []string
	notJudged       []string
	// said is the output of stories and packages that are not over.
	said map[string]*strings.Builder
}

func newTally() *tally { return &tally{said: map[string]*strings.Builder{}} }

// add counts e and returns what is to be told about it: a line for each story that
// is over, with all that it said if it failed.
func (t *tally) add(e event) string {
	story := e.story()
	if e.Action == "output" {
		t.hear(story, e.Output)
		return ""
	}
	if strings.Contains(e.Test, "/") || !slices.Contains([]string{"pass", "skip", "fail"}, e.Action) {
		return "" // what a part of a story said is with the story's, which fails with it
	}
	said := t.end(story)
	if e.Action == "pass" {
		said = ""
	}
	if e.Test == "" {
		// No story has to have failed: it may be the stage, or nothing that compiles.
		if e.Action == "fail" && !slices.ContainsFunc(t.failed, func(f string) bool { return strings.HasPrefix(f, story+"/") }) {
			t.failed = append(t.failed, story)
		}
		return said
	}
	switch e.Action {
	case "pass":
		t.passed++
	case "skip":
		t.skipped = append(t.skipped, story)
	default:
		t.failed = append(t.failed, story)
	}
	over := t.passed + len(t.failed) + len(t.skipped)
	return fmt.Sprintf("%4d  %s  %s  %.1f s\n%s", over, e.Action, story, e.Elapsed, said)
}

func (t *tally) hear(story, output string) {
	_, what, found := strings.Cut(output, notJudged)
	if !found && strings.Contains(output, leftout.None) {
		what, found = output, true
	}
	if what = story + ": " + strings.TrimSpace(what); found && !slices.Contains(t.notJudged, what) {
		t.notJudged = append(t.notJudged, what)
	}
	if t.said[story] == nil {
		t.said[story] = &strings.Builder{}
	}
	t.said[story].WriteString(output)
}

// end returns all that a story said and forgets it.
func (t *tally) end(story string) string {
	said := t.said[story]
	delete(t.said, story)
	if said == nil {
		return ""
	}
	return said.String()
}
