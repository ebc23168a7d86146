// Command scale measures what many pods on one virtual node cost: the requests
// that the virtual node needs to run them, what it uses while nothing happens,
// and how long it takes to find its way when it is started again.
//
//	stage.go     two control planes, kwok downstream, the webhook, one virtual node
//	fleet.go     the pods
//	trail.go     the virtual node's requests, from the API servers' audit logs
//	requests.go  those of both sides, and when there are none any more
//	measure.go   create, steady state, restarts
//	figures.go   what was measured beside the limits of it
//
// Counts beyond a limit end it with exit code 1. Times do not: they are printed
// beside theirs, since they are as much the machine's.
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

func main() {
	var o options
	flag.IntVar(&o.pods, "pods", 5000, "how many pods run on the virtual node")
	flag.DurationVar(&o.steady, "steady", time.Minute, "how long nothing happens")
	timeout := flag.Duration("timeout", 30*time.Minute, "how long all of it may take")
	keep := flag.String("dir", "", "an empty folder for the clusters, logs and audit logs, which stays; the default is a temporary one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	if err := run(ctx, os.Stdout, o, *keep); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1) //nolint:gocritic // What is deferred only ends with the process.
	}
}

// options say how much is measured.
type options struct {
	pods   int
	steady time.Duration
}

func run(ctx context.Context, out io.Writer, o options, dir string) (err error) {
	if o.pods < namespaces {
		return fmt.Errorf("-pods %d: at least %d are needed, one for each namespace", o.pods, namespaces)
	}
	if dir == "" {
		if dir, err = os.MkdirTemp("", "spillway-scale-"); err != nil {
			return fmt.Errorf("cannot make a folder for the clusters: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	s, err := start(ctx, dir)
	defer func() { err = errors.Join(err, s.stop(context.WithoutCancel(ctx))) }()
	if err != nil {
		return err
	}
	m, err := s.measure(ctx, o)
	if err != nil {
		return err
	}
	return report(out, m.figures(o))
}
