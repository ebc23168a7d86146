package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spillway-io/spillway/e2e/rig"
)

func run(ctx context.Context, out io.Writer, o options) (err error) {
	if min(o.pods, o.rounds, o.bursts) < 1 {
		return errors.New("there must be at least one pod, one round and one burst")
	}
	r, err := rig.New("creates")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Clear(ctx)) }()
	s, err := start(ctx, r, o)
	if err != nil {
		return err
	}
	m, err := s.arrange(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(s.creates(ctx, m, o), s.bursts(ctx, m, o)); err != nil {
		return err
	}
	if o.profiles != "" {
		if err := s.profile(ctx, m, o); err != nil {
			return err
		}
	}
	found, err := m.report(o)
	if err != nil {
		return err
	}
	return errors.Join(found.Print(out), found.Write(o.json))
}

// measured are the turns of each case.
type measured struct {
	none, null, one, patch, s5, write results
	// nullBurst and ownBurst are the bursts of both.
	nullBurst, ownBurst results
	// answer is the patch for a pod of S5.
	answer []byte
}

// results are the turns of a case.
type results struct {
	*subject
	turns []turn
}

func (m *measured) creates() []*results {
	return []*results{&m.none, &m.null, &m.one, &m.patch, &m.s5, &m.write}
}

func (s *stage) creates(ctx context.Context, m *measured, o options) error {
	for range o.rounds {
		for _, r := range m.creates() {
			if err := s.take(ctx, r, r.subject, func() (turn, error) { return s.turn(ctx, r.subject, o.pods, creators) }); err != nil {
				return fmt.Errorf("%s: %w", r.what, err)
			}
		}
	}
	return nil
}

// warmUp is how many pods are created before each turn.
const warmUp = 2 * creators

func (s *stage) bursts(ctx context.Context, m *measured, o options) error {
	for round := range o.bursts {
		if err := s.take(ctx, &m.nullBurst, m.null.subject, func() (turn, error) { return s.burst(ctx, m.null.subject) }); err != nil {
			return fmt.Errorf("a burst, %s: %w", m.null.what, err)
		}
		if err := s.ownBurst(ctx, m, round); err != nil {
			return fmt.Errorf("a burst, Spillway: %w", err)
		}
	}
	return nil
}

// ownBurst measures a burst into a WorkloadSpread of its own: a webhook that was
// started since holds slots of pods that were there before for half a minute.
func (s *stage) ownBurst(ctx context.Context, m *measured, round int) error {
	if err := s.runs(ctx); err != nil {
		return err
	}
	c, err := s.spillway(ctx, fmt.Sprintf("burst-%d", round), "Spillway, S5, room for 50", ownRoom)
	if err != nil {
		return err
	}
	m.ownBurst.subject = c
	return s.take(ctx, &m.ownBurst, m.s5.subject, func() (turn, error) { return s.burst(ctx, c) })
}

// take has a case have its turn. Before that, the webhook and the connections to it
// get warm with pods of warm, which has the same webhook.
func (s *stage) take(ctx context.Context, r *results, warm *subject, measure func() (turn, error)) error {
	if err := s.alone(ctx, warm); err != nil {
		return err
	}
	if _, err := s.create(ctx, warm, warmUp, creators); err != nil {
		return err
	}
	if warm != r.subject {
		if err := s.clear(ctx, warm); err != nil {
			return err
		}
	}
	t, err := measure()
	if err != nil {
		return err
	}
	r.turns = append(r.turns, t)
	return s.clear(ctx, r.subject)
}

// arrange makes all cases.
func (s *stage) arrange(ctx context.Context) (*measured, error) {
	ctx, cancel := context.WithTimeout(ctx, setTimeout)
	defer cancel()
	all, answer, err := s.subjects(ctx)
	if err != nil {
		return nil, err
	}
	m := &measured{answer: answer}
	for i, r := range m.creates() {
		r.subject = all[i]
	}
	m.nullBurst.subject = m.null.subject
	return m, nil
}

// profile has API server and webhook profiled, each case in a turn more.
func (s *stage) profile(ctx context.Context, m *measured, o options) error {
	if err := os.MkdirAll(o.profiles, 0o755); err != nil {
		return err
	}
	for _, r := range m.creates() {
		if err := s.alone(ctx, r.subject); err != nil {
			return err
		}
		if err := s.profiled(ctx, r.subject, o, filepath.Join(o.profiles, r.name)); err != nil {
			return fmt.Errorf("cannot profile %s: %w", r.what, err)
		}
	}
	return nil
}
