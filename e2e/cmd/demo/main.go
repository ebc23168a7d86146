// Command demo shows Spillway doing its main job on two real control planes on
// this machine: workloads applied to one cluster run in the other, where their
// authors' constraints say. It fails if one of them does not.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spillway-io/spillway/e2e/binaries"
)

func main() {
	once := flag.Bool("once", false, "end when the story is told, instead of waiting for Ctrl-C")
	dir := flag.String("dir", "", "folder for everything it writes, emptied at the start (default .cache/demo of the checkout)")
	flag.Parse()
	os.Exit(run(*dir, *once))
}

func run(dir string, once bool) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// `go run` is not told to pass signals on: when it is ended, so are we.
	_ = unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGTERM), 0, 0, 0)

	if err := show(ctx, os.Stdout, dir, once); err != nil {
		if ctx.Err() != nil {
			fmt.Fprintln(os.Stderr, "\ninterrupted; everything is stopped")
			return 1
		}
		fmt.Fprintln(os.Stderr, "\ndemo:", err)
		return 1
	}
	return 0
}

// show tells the story from the beginning to the end, and stops everything it
// started whatever happens.
func show(ctx context.Context, out io.Writer, dir string, once bool) (err error) {
	began := time.Now()
	if dir == "" {
		root, err := binaries.Root()
		if err != nil {
			return err
		}
		dir = filepath.Join(root, ".cache", "demo")
	}
	stage, release, err := emptyStage(dir)
	if err != nil {
		return err
	}
	defer release()

	d := &demo{out: out, dir: stage}
	defer func() { err = errors.Join(err, d.stop()) }()
	if err := d.perform(ctx); err != nil {
		return err
	}
	d.say("\nThe whole story took %s.\n", rounded(time.Since(began)))
	if once {
		return nil
	}
	d.invite()
	<-ctx.Done()
	d.say("\nStopping everything ...\n")
	return nil
}

// perform does one step after another, each within its time.
func (d *demo) perform(ctx context.Context) error {
	steps := []struct {
		sentence string
		do       func(context.Context) error
		within   time.Duration
	}{
		{"Build what is missing", d.build, time.Hour},
		{"Start two clusters: upstream with 2 nodes of its own, downstream with 6 nodes in 3 zones", d.startClusters, 2 * time.Minute},
		{"Start the webhook upstream", d.startWebhook, time.Minute},
		{"Start virtual node " + virtualNode + " upstream: it stands for the downstream cluster", d.startVirtualNode, time.Minute},
		{"Apply six workloads upstream, as anybody would", d.applyWorkloads, time.Minute},
		{"Wait until every pod is Running in both clusters", d.waitRunning, 3 * time.Minute},
		{"Compare where the pods run with what their authors asked for", d.judge, time.Minute},
	}
	for i, step := range steps {
		d.say("\n%d. %s\n", i+1, step.sentence)
		began := time.Now()
		if err := within(ctx, step.within, step.do); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
		d.say("   %s\n", rounded(time.Since(began)))
	}
	return nil
}

func within(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return do(ctx)
}

func rounded(d time.Duration) time.Duration { return d.Round(100 * time.Millisecond) }
