// Command chaos breaks what Spillway runs on, in all ways there are, while pods come
// and go, and fails if that cost anything. It prints the seeds of what it chose, and
// what it takes to see the same again.
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

	"github.com/spillway-io/spillway/e2e/chaos"
)

func main() {
	short := flag.Bool("short", false, "one round with each fault once, in less than five minutes")
	rounds := flag.Int("rounds", 20, "how many rounds of random faults follow the round with all of them")
	only := flag.String("only", "", "instead: one round of the faults whose name contains this")
	seed := flag.Uint64("seed", 0, "seed of the first random round, which then comes first; 0: the time decides")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// `go run` is not told to pass signals on: when it is ended, so are we.
	_ = unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGTERM), 0, 0, 0)

	var planned []chaos.Round
	switch {
	case *only != "":
		planned = []chaos.Round{chaos.Only(*only)}
	case *short:
		planned = []chaos.Round{chaos.Short()}
	case *seed == 0:
		planned = []chaos.Round{chaos.Long()}
	}
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano()) % 1_000_000_000
	}
	if !*short && *only == "" {
		for i := range *rounds {
			planned = append(planned, chaos.Random(*seed+uint64(i)))
		}
	}
	if err := run(ctx, os.Stdout, planned, *seed); err != nil {
		fmt.Fprintf(os.Stderr, "\nchaos: %v\nThe seed was %d; CHAOS_SEED=<seed of a round> CHAOS_ROUNDS=1 begins with that round.\n", err, *seed)
		os.Exit(1) //nolint:gocritic // stop only restores signal handling, which ends here anyway.
	}
}

func run(ctx context.Context, out io.Writer, rounds []chaos.Round, seed uint64) (err error) {
	began := time.Now()
	dir, err := os.MkdirTemp("", "spillway-chaos-")
	if err != nil {
		return fmt.Errorf("cannot make a folder for the clusters: %w", err)
	}
	// What cannot be written to the user cannot be reported to them either.
	_, _ = fmt.Fprintf(out, "Seed %d. Logs are in %s until all is well.\n", seed, dir)
	stage, err := chaos.StartStage(ctx, out, dir, seed)
	if err == nil {
		err = stage.Run(ctx, seed, rounds)
	}
	if err = errors.Join(err, stage.Stop()); err != nil {
		return fmt.Errorf("%w\nLogs are in %s", err, dir)
	}
	_, _ = fmt.Fprintf(out, "Nothing lost, nothing twice, nothing foreign; it took %s.\n", time.Since(began).Round(time.Second))
	return os.RemoveAll(dir)
}
