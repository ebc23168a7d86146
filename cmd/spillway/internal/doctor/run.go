package doctor

import (
	"context"
	"sync"
	"time"

	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/certificates"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/site"
)

// Options say what to look at.
type Options struct {
	// Site says where.
	Site site.Options
	// Checks are the names of those to run; empty: all.
	Checks []string
	// Timeout is how long the gathering may take, and each check after it.
	Timeout time.Duration
	// Certificates are for the check of that name.
	Certificates certificates.Options
	// AdmissionNamespace is where a pod is tried.
	AdmissionNamespace string
}

// Validate says what of the options cannot be meant.
func (o Options) Validate() error {
	_, err := chosen(o.Checks)
	return err
}

// Examine runs the checks at the same time and returns what they say. Its error says
// that the upstream cluster could not be asked anything.
func Examine(ctx context.Context, o Options) (Report, error) {
	run, err := chosen(o.Checks)
	if err != nil {
		return Report{}, err
	}
	gathering, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	s, err := site.Gather(gathering, o.Site)
	if err != nil {
		return Report{}, err
	}
	outcomes := make([]finding.Outcome, len(run))
	var running sync.WaitGroup
	for i, c := range run {
		running.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, o.Timeout)
			defer cancel()
			outcomes[i] = c.run(ctx, s, o)
		})
	}
	running.Wait()
	var report Report
	for i, c := range run {
		report.add(c.name, outcomes[i])
	}
	report.sort()
	return report, nil
}
