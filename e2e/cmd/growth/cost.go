package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spillway-io/spillway/e2e/playground"
)

const (
	// window is how long a process is looked at to say whether it does anything, and
	// little what it may compute in it beyond what it always does.
	window = 2 * time.Second
	little = 40 * time.Millisecond
	// resting is how long it is looked at to say what it always does.
	resting = 4 * time.Second
	// settling is how long it may take until it does nothing any more.
	settling = time.Minute
)

// cost is what a load took.
type cost struct {
	// size is what grows, and loads how many pods were created.
	size, loads int
	// cpu is what the process computed for the load, and beside what a second process,
	// the API server that asked, did.
	cpu, beside time.Duration
	// idle is the part of a core that it took before, which is taken off.
	idle float64
	// took is how long the load was, and settled how much longer the process worked.
	took, settled time.Duration
	// rested and resident are its memory before and when it has settled, in bytes.
	rested, resident uint64
}

// each is what one pod cost, in milliseconds.
func (c cost) each() float64 { return c.cpu.Seconds() * 1000 / float64(c.loads) }

// median is the one in the middle by CPU, or the dearer of two.
func median(costs []cost) cost {
	slices.SortFunc(costs, func(a, b cost) int { return cmp.Compare(a.cpu, b.cpu) })
	return costs[len(costs)/2]
}

// meter counts what a process computes, and beside, if not nil, what another does.
type meter struct {
	process, beside func() (playground.Usage, error)
}

// measure runs a load and returns what it cost until the process has settled.
func (m meter) measure(ctx context.Context, load func(context.Context) error) (cost, error) {
	var c cost
	if err := m.settle(ctx, 0); err != nil {
		return c, err
	}
	rested, err := m.over(ctx, resting)
	if err != nil {
		return c, err
	}
	c.idle = rested.Seconds() / resting.Seconds()
	before, err := m.process()
	if err != nil {
		return c, err
	}
	other, err := m.besides()
	if err != nil {
		return c, err
	}
	began := time.Now()
	if err := load(ctx); err != nil {
		return c, err
	}
	c.took = time.Since(began)
	if c.beside, err = m.besides(); err != nil {
		return c, err
	}
	if err := m.settle(ctx, c.idle); err != nil {
		return c, err
	}
	after, err := m.process()
	all := time.Since(began)
	c.settled, c.beside = all-c.took, c.beside-other
	c.cpu = after.CPU - before.CPU - time.Duration(c.idle*float64(all))
	c.rested, c.resident = before.Resident, after.Resident
	return c, err
}

func (m meter) besides() (time.Duration, error) {
	if m.beside == nil {
		return 0, nil
	}
	usage, err := m.beside()
	return usage.CPU, err
}

// settle waits until the process computes no more than idle, a part of a core, and a
// little.
func (m meter) settle(ctx context.Context, idle float64) error {
	ctx, cancel := context.WithTimeout(ctx, settling)
	defer cancel()
	for {
		used, err := m.over(ctx, window)
		if err != nil {
			return fmt.Errorf("the process does not come to rest: %w", err)
		}
		if used <= little+time.Duration(idle*float64(window)) {
			return nil
		}
	}
}

// over is what the process computes from now on in a time.
func (m meter) over(ctx context.Context, long time.Duration) (time.Duration, error) {
	before, err := m.process()
	if err != nil {
		return 0, err
	}
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case <-timer.C:
	}
	after, err := m.process()
	return after.CPU - before.CPU, err
}
