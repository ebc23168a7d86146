package binaries

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// progressEvery is how often a build that goes on says so: often enough that
// nobody takes it for stuck.
const progressEvery = 15 * time.Second

// quick is how long a build may take without a word about it.
const quick = 3 * time.Second

// program is something go build can make.
type program struct {
	name string
	// folder holds the go.mod to build in; pkg is the package to build there.
	folder, pkg string
	ldflags     string
	// tags are Go's build tags, with commas.
	tags string
	// test says that it is the tests of pkg.
	test bool
	// static says that it needs nothing else on the machine it runs on.
	static bool
}

// build runs go build and puts the result into o.Dir in one step, so that a
// program that runs keeps its file and an interrupted build leaves the old one.
func (p program) build(ctx context.Context, o Options) error {
	partial := filepath.Join(o.Dir, p.name+".partial")
	defer func() { _ = os.Remove(partial) }()
	// go build leaves alone what is what it would build, and a link takes seconds.
	// What it does not leave alone it replaces, it does not write into it.
	if err := os.Link(filepath.Join(o.Dir, p.name), partial); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot show go build the %s of last time: %w", p.name, err)
	}

	args := []string{"build"}
	if p.test {
		args = []string{"test", "-c"}
	}
	args = append(args, "-mod=readonly", "-o", partial)
	if p.ldflags != "" {
		args = append(args, "-ldflags", p.ldflags)
	}
	if p.tags != "" {
		args = append(args, "-tags", p.tags)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, p.pkg)...)
	cmd.Dir = p.folder
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if p.static {
		cmd.Env = append(cmd.Env, "CGO_ENABLED=0")
	}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output

	if err := runTelling(cmd, p.name, o.Out); err != nil {
		return fmt.Errorf("cannot build %s in %s: %w\n%s", p.name, p.folder, err, output.Bytes())
	}
	if err := os.Rename(partial, filepath.Join(o.Dir, p.name)); err != nil {
		return fmt.Errorf("cannot put %s in its place: %w", p.name, err)
	}
	return nil
}

// path is where build puts the program.
func (p program) path(o Options) string { return filepath.Join(o.Dir, p.name) }

// runTelling runs cmd and reports to out, once it lasts, that it still does
// and how long it took.
func runTelling(cmd *exec.Cmd, name string, out io.Writer) error {
	started := time.Now()
	elapsed := func() time.Duration { return time.Since(started).Round(time.Second) }
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()

	announce := time.NewTimer(quick)
	defer announce.Stop()
	progress := time.NewTicker(progressEvery)
	defer progress.Stop()
	for {
		select {
		case err := <-done:
			if err == nil && time.Since(started) > quick {
				_, _ = fmt.Fprintf(out, "  built %s in %s\n", name, elapsed())
			}
			return err
		case <-announce.C:
			_, _ = fmt.Fprintf(out, "  building %s ...\n", name)
		case <-progress.C:
			_, _ = fmt.Fprintf(out, "  still building %s, %s so far\n", name, elapsed())
		}
	}
}
