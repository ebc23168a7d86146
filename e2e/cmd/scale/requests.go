package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spillway-io/spillway/e2e/playground"
)

// quietFor is how long there must be no write for what was begun to be over: longer
// than the virtual node puts anything off by itself, which are events of pods that
// have not started yet.
const quietFor = 12 * time.Second

// requests are those of the virtual node on both sides.
type requests struct {
	trails  []*trail
	pending []request
}

// take returns the requests since the last call.
func (r *requests) take() ([]request, error) {
	err := r.look()
	all := r.pending
	r.pending = nil
	return all, err
}

// quiet waits until nothing is written any more.
func (r *requests) quiet(ctx context.Context) error {
	var last time.Time
	return playground.Eventually(ctx, "the virtual node writes nothing any more", func(context.Context) error {
		before := len(r.pending)
		if err := r.look(); err != nil {
			return err
		}
		if last.IsZero() || slices.ContainsFunc(r.pending[before:], func(r request) bool { return r.operation().kind() == write }) {
			last = time.Now()
		}
		if since := time.Since(last); since < quietFor {
			return fmt.Errorf("it wrote %s ago", since.Round(time.Millisecond))
		}
		return nil
	})
}

func (r *requests) look() error {
	var errs []error
	for _, t := range r.trails {
		more, err := t.next()
		r.pending, errs = append(r.pending, more...), append(errs, err)
	}
	return errors.Join(errs...)
}
