// Command skew tells all stories between clusters of different versions of
// Kubernetes: with the older upstream, and with the older downstream.
//
//	run.go     one direction: `go test` on the stories, those with containers too
//	tally.go   what its events say, as progress and as figures
//	table.go   both directions, at the end
//
// It fails if a story does, or is skipped. A story that cannot judge everything at
// one of the versions says NOT JUDGED and why, and the table repeats it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spillway-io/spillway/e2e/binaries"
)

func main() {
	only := flag.String("only", "", "up: only with the older version upstream; down: only with the older version downstream")
	stories := flag.String("run", "", "a regular expression that chooses stories")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// `go run` is not told to pass signals on: when it is ended, so are we.
	_ = unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGTERM), 0, 0, 0)
	if err := run(ctx, os.Stdout, *only, *stories); err != nil {
		fmt.Fprintln(os.Stderr, "skew:", err)
		os.Exit(1) //nolint:gocritic // stop only restores signal handling, which ends here anyway.
	}
}

// direction says which version of Kubernetes all upstream clusters run, and which
// one all downstream clusters do.
type direction struct{ upstream, downstream string }

func (d direction) String() string {
	return fmt.Sprintf("upstream %s, downstream %s", d.upstream, d.downstream)
}

func directions(only string) ([]direction, error) {
	up := direction{upstream: binaries.Older, downstream: binaries.Newest}
	down := direction{upstream: binaries.Newest, downstream: binaries.Older}
	switch only {
	case "":
		return []direction{up, down}, nil
	case "up":
		return []direction{up}, nil
	case "down":
		return []direction{down}, nil
	}
	return nil, fmt.Errorf("%q is no direction: it is up, down, or nothing for both", only)
}

func run(ctx context.Context, out io.Writer, only, stories string) error {
	chosen, err := directions(only)
	if err != nil {
		return err
	}
	root, err := binaries.Root()
	if err != nil {
		return err
	}
	// Here, where it is seen; the stories would build them too.
	for _, version := range []string{binaries.Newest, binaries.Older} {
		if _, err := binaries.Components(ctx, binaries.Options{Root: root, Kubernetes: version, Out: out}); err != nil {
			return err
		}
	}
	var all []result
	for _, d := range chosen {
		_, _ = fmt.Fprintf(out, "\n%s\n", d)
		began := time.Now()
		counted, err := d.tell(ctx, out, root, stories)
		all = append(all, result{direction: d, tally: counted, took: time.Since(began), err: err})
		if ctx.Err() != nil {
			break
		}
	}
	return conclude(out, all)
}
