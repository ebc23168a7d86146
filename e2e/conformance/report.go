// Package conformance reads what two runs of Kubernetes' end-to-end suite found,
// on a real kubelet and on a virtual node, says how they differ, and writes that
// into the page that explains it. It runs nothing and knows nothing about nodes:
// why two runs differ is for people to say, on the page, and it keeps what they
// said.
package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Outcome is how a spec ended.
type Outcome string

// The outcomes. A spec that panicked, timed out, was interrupted or aborted has
// failed too.
const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped"
)

// Results are the outcomes of the specs that were run, by their full name.
type Results map[string]Outcome

// Report is what a run found.
type Report struct {
	Results Results
	// Focus and Skip are what names of specs had to match, and not to match.
	Focus, Skip []string
}

// ErrIncomplete says that a run ended before all of its specs had been run.
var ErrIncomplete = errors.New("the run is not complete")

// report is what is read of ginkgo's JSON report, a list of these.
type report struct {
	PreRunStats struct{ SpecsThatWillRun int }
	SuiteConfig struct{ FocusStrings, SkipStrings []string }
	SpecReports []spec
}

type spec struct {
	ContainerHierarchyTexts []string
	LeafNodeType            string
	LeafNodeText            string
	State                   string
	// NumAttempts is 0 for a spec that was not to be run, or not reached.
	NumAttempts int
}

// Read reads the JSON report of a run. One of a run that was interrupted gives
// what there is with ErrIncomplete.
func Read(r io.Reader) (Report, error) {
	var reports []report
	if err := json.NewDecoder(r).Decode(&reports); err != nil {
		return Report{}, fmt.Errorf("cannot read the suite's report: %w", err)
	}
	read, wanted := Report{Results: Results{}}, 0
	for _, report := range reports {
		wanted += report.PreRunStats.SpecsThatWillRun
		read.Focus, read.Skip = report.SuiteConfig.FocusStrings, report.SuiteConfig.SkipStrings
		for _, spec := range report.SpecReports {
			if spec.LeafNodeType == "It" && spec.NumAttempts > 0 {
				read.Results[spec.name()] = spec.outcome()
			}
		}
	}
	if len(read.Results) != wanted {
		return read, fmt.Errorf("%w: %d of %d specs were run", ErrIncomplete, len(read.Results), wanted)
	}
	return read, nil
}

func (s spec) name() string {
	return strings.Join(append(append([]string{}, s.ContainerHierarchyTexts...), s.LeafNodeText), " ")
}

func (s spec) outcome() Outcome {
	switch s.State {
	case "passed":
		return Passed
	case "skipped", "pending":
		return Skipped
	default:
		return Failed
	}
}

// Count returns how many specs ended so.
func (r Results) Count(outcome Outcome) int {
	n := 0
	for _, o := range r {
		if o == outcome {
			n++
		}
	}
	return n
}
