// Command conformance runs the NodeConformance specs of Kubernetes' end-to-end
// suite twice on this machine: on a cluster whose only node is a real kubelet, and
// on one whose only node is a virtual node with such a cluster behind it. It
// prints how both did and how they differ, and writes it to docs/conformance.md.
//
// It takes root, since it runs containers; without, it fails and says so. Each
// run is on a machine of its own (package machine), one after the other. What
// they leave is in .cache/conformance: the suite's log and report, and the logs
// of all components.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/machine"
)

// The two runs, by the name of what is under test.
const (
	kubelet     = "kubelet"
	virtualNode = "virtual-node"
)

// options are the command line.
type options struct {
	only, run, skip, nodeArgs, spillway string
	procs                               int

	// subject is what the process is to run the suite on; it is empty in the one
	// that was called, which calls itself for each.
	subject string
}

func main() {
	var o options
	flag.StringVar(&o.only, "only", "", `"kubelet" or "virtual-node" runs the suite there only; the other's last report counts`)
	flag.StringVar(&o.run, "run", "", "regexp that names of specs must match, beside [NodeConformance]; the page is not written")
	flag.StringVar(&o.skip, "skip", "", "regexp of names of specs that are left out; the page is not written")
	flag.IntVar(&o.procs, "procs", 6, "how many specs run at a time")
	flag.StringVar(&o.nodeArgs, "node-args", "", "further arguments of `spillway node`, separated by spaces")
	flag.StringVar(&o.spillway, "spillway", "", "program to test; by default it is built from this checkout")
	flag.StringVar(&o.subject, "subject", "", "for its own use")
	flag.Parse()
	code, err := run(o)
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "conformance:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func run(o options) (int, error) {
	if o.subject != "" {
		return machine.Run(func() int { return inside(o) })
	}
	if os.Geteuid() != 0 {
		return 1, errors.New("THE SUITE DID NOT RUN: it needs a real kubelet, which runs containers, and that takes root")
	}
	subjects, err := subjectsOf(o.only)
	if err != nil {
		return 1, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root, err := prepare(ctx, &o)
	if err != nil {
		return 1, err
	}
	for _, subject := range subjects {
		if err := callFor(ctx, root, subject, o); err != nil {
			return 1, fmt.Errorf("%s: %w", subject, err)
		}
	}
	return conclude(ctx, root)
}

func subjectsOf(only string) ([]string, error) {
	switch only {
	case "":
		return []string{kubelet, virtualNode}, nil
	case kubelet, virtualNode:
		return []string{only}, nil
	default:
		return nil, fmt.Errorf("-only %q: neither %q nor %q", only, kubelet, virtualNode)
	}
}

// prepare builds and fetches everything: inside a machine there is no network.
func prepare(ctx context.Context, o *options) (root string, err error) {
	root, err = binaries.Root()
	if err != nil {
		return "", err
	}
	tell := binaries.Options{Root: root, Out: os.Stderr}
	if _, err := binaries.Components(ctx, tell); err != nil {
		return "", err
	}
	if _, err := binaries.Containers(ctx, tell); err != nil {
		return "", err
	}
	if _, err := binaries.Conformance(ctx, tell); err != nil {
		return "", err
	}
	if o.spillway != "" {
		return root, nil
	}
	built, err := binaries.Spillway(ctx, tell)
	if err != nil {
		return "", err
	}
	// Somebody may build another one while the suite runs, for hours.
	o.spillway = filepath.Join(root, ".cache", "conformance", "spillway")
	if err := os.MkdirAll(filepath.Dir(o.spillway), 0o755); err != nil {
		return "", err
	}
	program, err := os.ReadFile(built)
	if err != nil {
		return "", err
	}
	return root, errors.Join(os.RemoveAll(o.spillway), os.WriteFile(o.spillway, program, 0o755))
}

// folder is where a run leaves what it found.
func folder(root, subject string) string {
	return filepath.Join(root, ".cache", "conformance", subject)
}

// callFor runs the suite on a subject, in a process of its own, which becomes a
// machine. That some specs fail is no error.
func callFor(ctx context.Context, root, subject string, o options) error {
	if err := errors.Join(os.RemoveAll(folder(root, subject)), os.MkdirAll(folder(root, subject), 0o755)); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, "-subject="+subject, "-run="+o.run, "-skip="+o.skip,
		fmt.Sprintf("-procs=%d", o.procs), "-node-args="+o.nodeArgs, "-spillway="+o.spillway)
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, os.Stdout, os.Stderr
	// It cleans up when it is asked to end.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	return cmd.Run()
}

// inside runs the suite on the machine that this process is on.
func inside(o options) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := runSuite(ctx, o); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "conformance:", strings.TrimSpace(err.Error()))
		return 1
	}
	return 0
}
