// Package rig is what commands that measure begin and end with: programs, a folder,
// ports, and the end of all that was started. What is started, and how, is theirs.
package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/playground"
)

// stopTimeout bounds the end of all together.
const stopTimeout = time.Minute

// Programs are what runs.
type Programs struct {
	Components binaries.Paths
	Spillway   string
}

// Build builds what is not built yet, which can take minutes, and tells stderr about
// it. Spillway is built unless there is one to measure.
func Build(ctx context.Context, spillway string) (Programs, error) {
	components, err := binaries.Components(ctx, binaries.Options{Out: os.Stderr})
	if err != nil {
		return Programs{}, err
	}
	if spillway == "" {
		spillway, err = binaries.Spillway(ctx, binaries.Options{Out: os.Stderr})
	}
	return Programs{Components: components, Spillway: spillway}, err
}

// Rig is where something is measured.
type Rig struct {
	// Dir receives everything that is written.
	Dir string
	// Ports are held until the end.
	Ports playground.Ports

	stops []func(context.Context) error
}

// New makes a rig with an empty folder. Stop or Clear must be called, also after
// something could not be started.
func New(name string) (*Rig, error) {
	dir, err := os.MkdirTemp("", "spillway-"+name+"-")
	if err != nil {
		return nil, fmt.Errorf("cannot make a folder for the clusters: %w", err)
	}
	return &Rig{Dir: dir}, nil
}

// AtEnd has stop called at the end, before those that were given earlier.
func (r *Rig) AtEnd(stop func(context.Context) error) { r.stops = append(r.stops, stop) }

// Stop stops what runs, the last first, also when ctx is over. The folder stays.
func (r *Rig) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	var errs []error
	for _, stop := range slices.Backward(r.stops) {
		errs = append(errs, stop(ctx))
	}
	return errors.Join(append(errs, r.Ports.Release())...)
}

// Clear is Stop, and removes the folder.
func (r *Rig) Clear(ctx context.Context) error {
	return errors.Join(r.Stop(ctx), os.RemoveAll(r.Dir))
}
