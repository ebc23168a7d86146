package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/machine"
)

const (
	stageTimeout = 3 * time.Minute
	// suiteTimeout is for all specs: on a busy machine every one takes longer, and
	// half a report is worth little.
	suiteTimeout = 8 * time.Hour
	// stopGrace is how long the suite may take to write its report when it is asked
	// to end.
	stopGrace = 2 * time.Minute
)

// reportFile is the suite's report, JSON, in the folder of a run.
const reportFile = "report.json"

// runSuite sets the stage and runs the suite on it.
func runSuite(ctx context.Context, o options) (err error) {
	root, err := binaries.Root()
	if err != nil {
		return err
	}
	dir := folder(root, o.subject)
	// The logs of all components stay, for whoever looks for a cause.
	defer func() { err = errors.Join(err, keepLogs(machine.Dir(), filepath.Join(dir, "logs"))) }()
	_, _ = fmt.Fprintf(os.Stderr, "%s: starting its clusters\n", o.subject)
	starting, cancel := context.WithTimeout(ctx, stageTimeout)
	defer cancel()
	s, err := setStage(starting, root, o)
	if err != nil {
		return err
	}
	programs, err := binaries.Conformance(ctx, binaries.Options{Root: root})
	if err != nil {
		return err
	}
	paths, err := binaries.Components(ctx, binaries.Options{Root: root})
	if err != nil {
		return err
	}
	args := []string{
		fmt.Sprintf("--procs=%d", o.procs),
		"--focus=" + focus(o.run),
		"--timeout=" + suiteTimeout.String(),
		"--poll-progress-after=0",
		"--no-color", "-v",
		"--output-dir=" + dir, "--json-report=" + reportFile,
	}
	if o.skip != "" {
		args = append(args, "--skip="+o.skip)
	}
	args = append(args, programs.Suite, "--",
		"--kubeconfig="+s.cluster.AdminKubeconfig(),
		"--kubectl-path="+paths.Kubectl,
		"--provider=skeleton",
		"--repo-root="+dir,
		"--e2e-output-dir="+dir,
	)
	return runGinkgo(ctx, dir, programs.Ginkgo, o.subject, args)
}

// focus is what names of specs must match: the tag, and run if it is given.
func focus(run string) string {
	const tag = `\[NodeConformance\]`
	if run == "" {
		return tag
	}
	return fmt.Sprintf("(%s).*%s|%s.*(%s)", run, tag, tag, run)
}

// runGinkgo runs the suite, tells how far it is, and returns nil if it left a
// report: that specs fail is a result.
func runGinkgo(ctx context.Context, dir, ginkgo, subject string, args []string) (err error) {
	log, err := os.Create(filepath.Join(dir, "suite.log"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	cmd := exec.CommandContext(ctx, ginkgo, args...)
	cmd.Dir = machine.Dir() // where no go.mod names another version of ginkgo
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = stopGrace
	output, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot start the suite: %w", err)
	}
	read := tellProgress(io.TeeReader(output, log), os.Stderr, subject)
	ended := cmd.Wait()
	if _, err := os.Stat(filepath.Join(dir, reportFile)); err != nil {
		return errors.Join(fmt.Errorf("the suite left no report, see %s", log.Name()), ended, read)
	}
	return errors.Join(read, ctx.Err())
}

// keepLogs copies the log files below one folder to another.
func keepLogs(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			// What containers have below it comes and goes.
			return skipVanished(path, from, entry, err)
		}
		if filepath.Ext(path) != ".log" || !entry.Type().IsRegular() {
			return nil
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		return copyFile(path, filepath.Join(to, strings.ReplaceAll(name, string(filepath.Separator), "-")))
	})
}

// skipVanished leaves out what cannot be read and what is no component's.
func skipVanished(path, root string, entry os.DirEntry, err error) error {
	if err != nil && path == root {
		return err
	}
	if err != nil {
		return filepath.SkipDir
	}
	switch entry.Name() {
	case "containerd", "state", "kubelet", "etcd", "pod-logs", "opt":
		return filepath.SkipDir
	}
	return nil
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o644)
}
