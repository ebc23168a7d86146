package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spillway-io/spillway/e2e/playground"
)

// measured is everything that was seen.
type measured struct {
	// empty and full are the node process before the first pod and in steady state.
	empty, full playground.Usage
	creation    creation
	steady      steady
	restarts    []restart
}

type creation struct {
	took time.Duration
	cpu  time.Duration
	tally
}

type steady struct {
	took time.Duration
	cpu  time.Duration
	tally
}

// restart is the node process started again with all pods there. Its times begin
// with the process.
type restart struct {
	how string
	// ready is when it said so, reconciled when it had looked at every pod and had
	// nothing left to do, canary when a pod that was created meanwhile ran.
	ready, reconciled, canary time.Duration
	used                      playground.Usage
	tally
}

func (s *stage) measure(ctx context.Context, o options) (m measured, err error) {
	// The first pod has everything made that is made once.
	if err := s.runsCanary(ctx, "first"); err != nil {
		return m, err
	}
	if m.empty, err = s.node.Usage(); err != nil {
		return m, err
	}
	if m.creation, err = s.creates(ctx, o.pods); err != nil {
		return m, err
	}
	if m.steady, err = s.rests(ctx, o.steady); err != nil {
		return m, err
	}
	if m.full, err = s.node.Usage(); err != nil {
		return m, err
	}
	for _, r := range []struct {
		how string
		end func(context.Context) error
	}{
		{"stopped", s.node.Stop},
		{"killed", func(context.Context) error { return s.node.Kill() }},
	} {
		again, err := s.restarts(ctx, r.how, o.pods, r.end)
		if err != nil {
			return m, err
		}
		m.restarts = append(m.restarts, again)
	}
	return m, nil
}

func (s *stage) runsCanary(ctx context.Context, name string) error {
	if err := s.fleet.createPod(ctx, canaries, name); err != nil {
		return err
	}
	if err := playground.Eventually(ctx, "the canary runs", func(context.Context) error { return s.fleet.canary(name) }); err != nil {
		return err
	}
	if err := s.requests.quiet(ctx); err != nil {
		return err
	}
	_, err := s.requests.take()
	return err
}

func (s *stage) creates(ctx context.Context, pods int) (c creation, err error) {
	before, err := s.node.Usage()
	if err != nil {
		return c, err
	}
	began := time.Now()
	if err := s.fleet.create(ctx, pods); err != nil {
		return c, err
	}
	c.took = time.Since(began)
	if err := s.requests.quiet(ctx); err != nil {
		return c, err
	}
	after, err := s.node.Usage()
	if err != nil {
		return c, err
	}
	c.cpu = after.CPU - before.CPU
	all, err := s.requests.take()
	c.tally = count(all)
	return c, err
}

func (s *stage) rests(ctx context.Context, long time.Duration) (r steady, err error) {
	before, err := s.node.Usage()
	if err != nil {
		return r, err
	}
	began := time.Now()
	over := time.NewTimer(long)
	defer over.Stop()
	select {
	case <-over.C: // That nothing happens is what is measured.
	case <-ctx.Done():
		return r, context.Cause(ctx)
	}
	after, err := s.node.Usage()
	if err != nil {
		return r, err
	}
	r.took, r.cpu = time.Since(began), after.CPU-before.CPU
	all, err := s.requests.take()
	r.tally = count(all)
	return r, err
}

func (s *stage) restarts(ctx context.Context, how string, pods int, end func(context.Context) error) (r restart, err error) {
	r.how = how
	if err := end(ctx); err != nil {
		return r, err
	}
	if _, err := s.requests.take(); err != nil {
		return r, err
	}
	began := time.Now()
	if err := s.node.Start(); err != nil {
		return r, err
	}
	if err := s.fleet.createPod(ctx, canaries, how); err != nil {
		return r, err
	}
	for _, step := range []struct {
		what  string
		at    *time.Duration
		check func(context.Context) error
	}{
		{"it is ready", &r.ready, func(ctx context.Context) error { return s.isReady(ctx) }},
		{"it has looked at all pods", &r.reconciled, func(ctx context.Context) error { return s.isReconciled(ctx, pods) }},
		{"the canary runs", &r.canary, func(context.Context) error { return s.fleet.canary(how) }},
	} {
		if err := playground.Eventually(ctx, step.what, step.check); err != nil {
			return r, errors.Join(err, s.node.Err())
		}
		*step.at = time.Since(began)
	}
	if r.used, err = s.node.Usage(); err != nil {
		return r, err
	}
	if err := s.requests.quiet(ctx); err != nil {
		return r, err
	}
	all, err := s.requests.take()
	r.tally = count(all)
	return r, err
}

func (s *stage) isReady(ctx context.Context) error {
	_, err := playground.Read(ctx, s.node.Health+"/readyz")
	return err
}

// isReconciled asks the process's own metrics, which begin with it.
func (s *stage) isReconciled(ctx context.Context, pods int) error {
	text, err := playground.Read(ctx, s.node.Metrics+"/metrics")
	if err != nil {
		return err
	}
	looked := sum(text, "controller_runtime_reconcile_total{", `controller="pods"`)
	waiting, working := sum(text, "workqueue_depth{"), sum(text, "controller_runtime_active_workers{")
	if looked < float64(pods) || waiting > 0 || working > 0 {
		return fmt.Errorf("%v of %d pods were looked at, %v objects wait, %v are worked on", looked, pods, waiting, working)
	}
	return nil
}

// sum adds the samples of a metric in the text form of Prometheus whose labels
// include those given.
func sum(text, metric string, labels ...string) (sum float64) {
lines:
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		at := strings.LastIndexByte(line, ' ')
		if !strings.HasPrefix(line, metric) || at < 0 {
			continue
		}
		for _, label := range labels {
			if !strings.Contains(line[:at], label) {
				continue lines
			}
		}
		if value, err := strconv.ParseFloat(line[at+1:], 64); err == nil {
			sum += value
		}
	}
	return sum
}
