// Command bench measures the virtual node: pods created upstream until they are
// Running there, beside a bare client that creates the same pods downstream, in
// turns. It prints a table, what each process used, and
//
//	RATIO <name> <value> <limit>
//
// for each figure that has a limit. Ratios are those of two measurements of the same
// run, and what another machine, or a busy one, changes least.
//
//	provider-throughput-<pods>  pods/s until Running, of the bare client's; at least
//	provider-delete-<pods>      pods/s until gone, of the bare client's; at least
//	provider-cpu-ms-per-pod     CPU of the virtual node from create to Running; at most
//	provider-rss-kib-per-pod    its memory beyond 60 MiB when all pods run; at most
//
// The pods of these name their node, so that they measure the virtual node and
// nothing else. How the way through webhook and scheduler compares is in the table.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	virtualNode    = "spillway-bench"
	upstreamSide   = "upstream"
	downstreamSide = "downstream"
	nodeProcess    = "virtual node"
	startTimeout   = 2 * time.Minute
	stopTimeout    = time.Minute
	// profiled is how long a CPU profile is.
	profiled = 5 * time.Second
)

// options are those of one run.
type options struct {
	pods, rounds int
	workers      int
	whole        bool
	profiles     string
	timeout      time.Duration
}

func main() {
	var o options
	flag.IntVar(&o.pods, "pods", 1000, "how many pods are created, each time")
	flag.IntVar(&o.rounds, "rounds", 3, "how many times the bare client and the virtual node take turns")
	flag.IntVar(&o.workers, "pod-workers", 0, "how many pods the virtual node works on at a time; 0: as many as by default")
	flag.BoolVar(&o.whole, "whole", true, "measure the way through webhook and scheduler, too")
	flag.StringVar(&o.profiles, "profiles", "", "folder for profiles of the virtual node in the first round; empty: none")
	flag.DurationVar(&o.timeout, "timeout", 15*time.Minute, "how long all of them may take")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:gocritic // stop only restores signal handling, which ends here anyway.
	}
}

func run(ctx context.Context, out io.Writer, o options) (err error) {
	dir, err := os.MkdirTemp("", "spillway-bench-")
	if err != nil {
		return fmt.Errorf("cannot make a folder for the clusters: %w", err)
	}
	profiles, err := newProfiler(ctx, o.profiles)
	if err != nil {
		return err
	}
	s, err := start(ctx, dir, o.workers, profiles.arguments()...)
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		err = errors.Join(err, s.stop(ctx), os.RemoveAll(dir))
	}()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	m, err := s.measure(ctx, o, profiles)
	if err != nil {
		return err
	}
	return m.report(out, o.pods)
}

// measured are the results of all rounds.
type measured struct{ bare, bound, whole []result }

func (s *stage) measure(ctx context.Context, o options, profiles *profiler) (measured, error) {
	var m measured
	upstream, err := client(s.upstream)
	if err != nil {
		return m, err
	}
	downstream, err := client(s.downstream)
	if err != nil {
		return m, err
	}
	bare := load{client: downstream, pods: o.pods, processes: s.processes()}
	bound := load{client: upstream, node: virtualNode, pods: o.pods, processes: s.processes()}
	whole := load{client: upstream, labels: map[string]string{"virtual-pod": "true"}, pods: o.pods, processes: s.processes()}
	for i := range o.rounds {
		bound.before, bound.loaded = nil, nil
		if i == 0 {
			bound.before, bound.loaded = profiles.begin, profiles.end
		}
		err := errors.Join(add(ctx, &m.bare, bare, fmt.Sprintf("bare-%d", i)), add(ctx, &m.bound, bound, fmt.Sprintf("bound-%d", i)))
		if err != nil {
			return m, err
		}
	}
	if o.whole {
		err = add(ctx, &m.whole, whole, "whole")
	}
	return m, err
}

func add(ctx context.Context, results *[]result, l load, name string) error {
	l.namespace = name
	r, err := measure(ctx, l)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	*results = append(*results, r)
	return nil
}
