package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// result is how the stories went in a direction.
type result struct {
	direction
	*tally
	took time.Duration
	err  error
}

// conclude prints the table and returns an error if not all is well.
func conclude(out io.Writer, all []result) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "\nUPSTREAM\tDOWNSTREAM\tPASSED\tFAILED\tSKIPPED\tNOT ALL JUDGED\tTOOK")
	for _, r := range all {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\t%s\n", r.upstream, r.downstream,
			r.passed, len(r.failed), len(r.skipped), len(r.notJudged), r.took.Round(time.Second))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("cannot print the table: %w", err)
	}
	var errs []error
	for _, r := range all {
		for _, what := range r.notJudged {
			_, _ = fmt.Fprintf(out, "\n##### NOT JUDGED (%s) #####\n# %s\n", r.direction, what)
		}
		errs = append(errs, r.verdict())
	}
	return errors.Join(errs...)
}

// verdict is an error unless every story was told to its end and passed.
func (r result) verdict() error {
	var wrong []string
	if len(r.failed) > 0 {
		wrong = append(wrong, "failed: "+strings.Join(r.failed, ", "))
	}
	if len(r.skipped) > 0 {
		wrong = append(wrong, "skipped: "+strings.Join(r.skipped, ", "))
	}
	if r.passed == 0 {
		wrong = append(wrong, "no story passed")
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%s: %s", r.direction, strings.Join(wrong, "; "))
	}
	if r.err != nil {
		return fmt.Errorf("%s: %w", r.direction, r.err)
	}
	return nil
}
