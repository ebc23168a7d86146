// Package finding is what a check says: what is wrong, how bad that is, and what to
// do about it; and what it could not look at. It holds values only, and refuses to
// know where they come from.
package finding

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Severity is how bad something is.
type Severity string

// The severities. An error keeps Spillway from doing its work, now; a warning will,
// or does for some pods; a note is good to know.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// Rank orders severities, the worst first.
func (s Severity) Rank() int {
	switch s {
	case Error:
		return 0
	case Warning:
		return 1
	case Note:
		return 2
	default:
		return 3
	}
}

// Finding is one thing that somebody should know.
type Finding struct {
	// Check is the name of the check that found it; who runs the check fills it in.
	Check    string   `json:"check"`
	Severity Severity `json:"severity"`
	// Object is what it is about: kind and name, or an address.
	Object string `json:"object,omitempty"`
	// Cause names it for programs, where a check tells several apart.
	Cause string `json:"cause,omitempty"`
	// Text says what is wrong, and Fix what to do: a command or an edit.
	Text string `json:"text"`
	Fix  string `json:"fix"`
	// Details list what Text speaks of, if that is many.
	Details []string `json:"details,omitempty"`
}

// Unseen is what could not be looked at.
type Unseen struct {
	Check string `json:"check"`
	What  string `json:"what"`
	Why   string `json:"why"`
	// Fix says what it takes to look.
	Fix string `json:"fix"`
	// Hides says that something wrong may be behind it. Otherwise there is merely
	// nothing to look at, such as no Deployment where the chart was not used.
	Hides bool `json:"hides"`
}

// Outcome is all that a check has to say.
type Outcome struct {
	// Facts say what was looked at and is well.
	Facts    []string
	Findings []Finding
	Unseen   []Unseen
}

// Add adds findings.
func (o *Outcome) Add(findings ...Finding) { o.Findings = append(o.Findings, findings...) }

// Fact adds what was looked at.
func (o *Outcome) Fact(format string, args ...any) {
	o.Facts = append(o.Facts, fmt.Sprintf(format, args...))
}

// Hidden adds what could not be looked at because of an error, unless that is nil;
// right is the right that it takes.
func (o *Outcome) Hidden(what string, err error, right string) {
	if err != nil {
		o.Unseen = append(o.Unseen, Unseen{What: what, Why: Plain(err), Fix: fixOf(err, right), Hides: true})
	}
}

// Nothing adds what there is nothing to look at of, and why.
func (o *Outcome) Nothing(what, why, fix string) {
	o.Unseen = append(o.Unseen, Unseen{What: what, Why: why, Fix: fix})
}

func fixOf(err error, right string) string {
	if apierrors.IsUnauthorized(err) {
		return "give credentials that the cluster takes; if these are a virtual node's own, it cannot use them either"
	}
	if apierrors.IsForbidden(err) && right != "" {
		return "run this as somebody who may " + right
	}
	return "run this where the cluster answers, and again when it does"
}

// longest is how much of an error is told.
const longest = 400

// Plain is an error on one line, and not a long one.
func Plain(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return text
}

// Number is how many there are of something whose plural ends in s.
func Number(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// Some names the first few of many.
func Some(names []string) string {
	const few = 5
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}
