// Command soak has pods come and go through a virtual node at a steady rate, 20 created
// and 20 deleted a second, for as long as -duration says, and fails if Spillway's
// processes leak anything meanwhile, or if any pod was not what it should have been.
//
// Half of the pods are those of a Deployment that a capped WorkloadSpread divides, so
// that a deleted one is replaced; the others have no owner, and refer to a ConfigMap and
// a Secret. All have sidecars. Logs are read and followed, policies change, and every
// half minute all of it moves to a new namespace: what is kept by name shows.
//
// It samples each process, draws curves (-json), and prints
//
//	RATIO soak-goroutines-node <value> <limit>
//
// and the same for -webhook, and for rss and connections: the median of the last
// quarter after the warm-up beside that of the first. Two webhooks run; the one that
// grew most is told. Package soak has the judge. A trend that is certain is a leak,
// too, and a failure, without a ratio of its own.
//
// A machine that is too slow for the rate has as many pods come and go as it can, and is
// told of at the end; figures that grow because ever more waits would say nothing of
// Spillway. A rate that is not reached on a machine with time to spare is a failure.
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

	"golang.org/x/sys/unix"
	"k8s.io/client-go/rest"

	"github.com/spillway-io/spillway/e2e/rig"
)

const (
	startTimeout = 3 * time.Minute
	// endTimeout bounds how long it takes until all is gone when the load is over.
	endTimeout = 4 * time.Minute
	// shortest is less than which no run says anything.
	shortest = 90 * time.Second
)

// options are those of one run.
type options struct {
	duration time.Duration
	// rate is how many pods are created, and deleted, a second.
	rate           int
	json, profiles string
}

// warmUp is how long caches, queues and heaps may grow: until all kinds of pods have come
// and gone once, at least. Memory that a process holds goes on to grow for two minutes,
// until what it does seldom was done, too; then a fifth of the time will do.
func (o options) warmUp() time.Duration {
	return max(45*time.Second, min(2*time.Minute, o.duration*2/5), o.duration/5)
}

func main() {
	var o options
	flag.DurationVar(&o.duration, "duration", 5*time.Minute, "how long pods come and go; 1m30s at least")
	flag.IntVar(&o.rate, "rate", 20, "how many pods are created, and deleted, a second; an even number")
	flag.StringVar(&o.json, "json", "", "file that receives what was measured; empty: none")
	flag.StringVar(&o.profiles, "profiles", "", "folder that receives profiles of all processes, after the warm-up and at the end; empty: none")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// `go run` is not told to pass signals on: when it is ended, so are we.
	_ = unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGTERM), 0, 0, 0)
	// What Spillway has to say of policies is not about the load.
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	if err := run(ctx, os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1) //nolint:gocritic // stop only restores signal handling, which ends here anyway.
	}
}

func run(ctx context.Context, out io.Writer, o options) (err error) {
	if o.duration < shortest || o.rate < 2 || o.rate%2 != 0 {
		return fmt.Errorf("-duration %s and -rate %d: want %s at least, and an even number", o.duration, o.rate, shortest)
	}
	r, err := rig.New("soak")
	if err != nil {
		return err
	}
	s, err := start(ctx, r)
	if err == nil {
		err = s.soak(ctx, out, o)
	}
	if err = errors.Join(err, r.Stop(ctx)); err != nil {
		return fmt.Errorf("%w\nLogs are in %s", err, r.Dir)
	}
	return os.RemoveAll(r.Dir)
}

// soak runs the load, has everything go, and judges.
func (s *stage) soak(ctx context.Context, out io.Writer, o options) error {
	ctx, cancel := context.WithTimeout(ctx, o.duration+endTimeout)
	defer cancel()
	w, err := s.watch(ctx)
	if err != nil {
		return err
	}
	defer w.stop()
	began := time.Now()
	sampler := s.newSampler(out, o, began, w)
	loaded := newLoad(s, w, o, out)
	if err := sampler.during(ctx, loaded); err != nil {
		return errors.Join(err, s.alive())
	}
	err = loaded.ends(ctx) // what was measured is told all the same
	return errors.Join(err, conclude(out, o, sampler, loaded), s.alive())
}
