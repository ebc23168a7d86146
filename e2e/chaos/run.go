package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spillway-io/spillway/e2e/invariants"
	"github.com/spillway-io/spillway/e2e/playground"
)

const (
	// agreeWithin is how long after a fault both clusters may disagree, and how long
	// any pod may when nothing is wrong.
	agreeWithin = 15 * time.Second
	// workedBy is how long after a fault changes are looked at, too.
	workedBy = time.Second
	// settleTimeout is how long the resident pods may take to run, before and after.
	settleTimeout = 2 * time.Minute
	// tellAtMost is how many violations are printed.
	tellAtMost = 20
)

// Run sets the workload, and has rounds happen one after the other until something is
// violated.
func (s *Stage) Run(ctx context.Context, seed uint64, rounds []Round) error {
	setting, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	if err := s.applyWorkload(setting); err != nil {
		return err
	}
	churn := s.startChurn(ctx, seed)
	s.say("%d pods run; users create and delete 10 a second from now on", resident)
	for i, round := range rounds {
		s.say("Round %d of %d, %s", i+1, len(rounds), round.Name)
		if err := s.happens(ctx, round); err != nil {
			churn.stop()
			s.keepEvidence(ctx)
			return fmt.Errorf("round %d, %s: %w", i+1, round.Name, err)
		}
	}
	did := churn.stop()
	err := s.comesToRest(ctx)
	upstream, downstream := s.witness.Counts()
	s.say("%s; %d pods seen upstream, %d downstream", did, upstream, downstream)
	return err
}

// happens is one round.
func (s *Stage) happens(ctx context.Context, round Round) error {
	for _, step := range round.Steps {
		var names []string
		for _, planned := range step {
			names = append(names, fmt.Sprintf("%s (%s)", planned.Name, planned.Lasts))
		}
		began := time.Now()
		healed, err := s.strikes(ctx, step)
		if err != nil {
			return fmt.Errorf("cannot make the fault %s: %w", strings.Join(names, " with "), err)
		}
		settled, err := s.agrees(ctx, healed)
		if err != nil {
			return fmt.Errorf("%s, from %s to %s: %w", strings.Join(names, " with "),
				began.Format("15:04:05.000"), healed.Format("15:04:05.000"), err)
		}
		s.say("   %-55s agreed after %4.1f s", strings.Join(names, " with "), settled.Seconds())
	}
	return nil
}

// strikes has all faults of a step begin, last as long as each is to, and end. It
// returns when the last of them had ended.
func (s *Stage) strikes(ctx context.Context, step Step) (healed time.Time, err error) {
	if step.harms(theUpstream) {
		s.witness.Interrupts()
		defer s.witness.Answers()
	}
	ends := make(chan error)
	for _, planned := range step {
		go func() { ends <- s.strikesOnce(ctx, planned) }()
	}
	var errs []error
	for range step {
		errs = append(errs, <-ends)
	}
	healed = time.Now()
	return healed, errors.Join(append(errs, s.helpUp(ctx, step))...)
}

func (s *Stage) strikesOnce(ctx context.Context, planned Planned) error {
	f := find(planned.Name)
	striking, cancel := context.WithTimeout(ctx, healTimeout)
	defer cancel()
	heal, err := f.strike(striking, s)
	if err == nil && f.lasts > 0 {
		pause(ctx, planned.Lasts)
	}
	if heal == nil {
		return err
	}
	healing, cancel := context.WithTimeout(ctx, healTimeout)
	defer cancel()
	return errors.Join(err, heal(healing))
}

// agrees waits until no pod disagrees that was changed before the fault ended, or
// within a second after it: it is not enough that nobody had changed anything. It
// returns how long after the fault that was.
func (s *Stage) agrees(ctx context.Context, healed time.Time) (time.Duration, error) {
	ctx, cancel := context.WithDeadline(ctx, healed.Add(agreeWithin))
	defer cancel()
	err := playground.Eventually(ctx, "both clusters agree", func(context.Context) error {
		if err := s.kept(); err != nil {
			return err
		}
		changed := healed.Add(workedBy)
		old := s.witness.Disagreeing(changed)
		switch {
		case time.Now().Before(changed.Add(time.Second)):
			return errors.New("there is nothing to see yet")
		case len(old) > 0:
			return fmt.Errorf("%d pods disagree, such as: %s", len(old), old[0].Violation(time.Now()))
		case s.witness.InDoubt():
			return errors.New("some pods are in doubt")
		}
		return nil
	})
	if violated := s.kept(); violated != nil {
		return 0, violated
	}
	if err != nil {
		return 0, s.disagreement(healed, err)
	}
	return time.Since(healed), nil
}

// kept is an error if anything was violated so far.
func (s *Stage) kept() error {
	violations := s.witness.Violations()
	if len(violations) == 0 {
		return nil
	}
	return errors.New(tell(fmt.Sprintf("%d violations:", len(violations)), violations))
}

func (s *Stage) disagreement(healed time.Time, err error) error {
	var violations []invariants.Violation
	for _, d := range s.witness.Disagreeing(healed) {
		violations = append(violations, d.Violation(time.Now()))
	}
	return errors.New(tell(fmt.Sprintf("%s after the fault both clusters do not agree: %v", agreeWithin, err), violations))
}

// tell is a headline and the first of the violations.
func tell(headline string, violations []invariants.Violation) string {
	lines := []string{headline}
	for _, v := range violations[:min(len(violations), tellAtMost)] {
		lines = append(lines, v.String())
	}
	return strings.Join(lines, "\n   ")
}

// comesToRest: without churn and faults everything runs, each Job is done, and
// nothing is different at all. The witness would have noticed.
func (s *Stage) comesToRest(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	if err := s.waitResidents(ctx); err != nil {
		return err
	}
	if err := s.waitJobs(ctx); err != nil {
		return err
	}
	if _, err := s.agrees(ctx, time.Now()); err != nil {
		return fmt.Errorf("at the end: %w", err)
	}
	return s.provesWitness(ctx)
}
