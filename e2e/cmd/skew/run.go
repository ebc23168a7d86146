package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spillway-io/spillway/e2e/binaries"
)

const (
	// timeout ends a package that does not end: many times what it takes.
	timeout = "60m"
	// farewell is how long the stories have to end when they are told to.
	farewell = time.Minute
)

// tell runs the stories in a direction and prints each when it is over. The error is
// that of go test, or of reading what it says.
func (d direction) tell(ctx context.Context, out io.Writer, root, stories string) (*tally, error) {
	args := []string{"test", "-json", "-count=1", "-timeout=" + timeout, "-p=1"} // as alone as it can be
	if stories != "" {
		args = append(args, "-run="+stories)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./stories", "./containers")...)
	cmd.Dir = filepath.Join(root, "e2e")
	cmd.Env = append(os.Environ(), binaries.UpstreamVersion+"="+d.upstream, binaries.DownstreamVersion+"="+d.downstream)
	cmd.Stderr = os.Stderr
	// go test itself would leave the tests running. Their clusters end with them.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = farewell
	events, err := cmd.StdoutPipe()
	if err != nil {
		return newTally(), fmt.Errorf("cannot listen to go test: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return newTally(), fmt.Errorf("cannot start go test: %w", err)
	}
	counted, err := listen(events, out)
	if err != nil {
		_, _ = io.Copy(io.Discard, events) // or go test waits for us
	}
	return counted, errors.Join(err, cmd.Wait())
}

// listen counts the events of `go test -json` and prints what they bring about.
func listen(events io.Reader, out io.Writer) (*tally, error) {
	counted := newTally()
	decoder := json.NewDecoder(events)
	for {
		var e event
		if err := decoder.Decode(&e); errors.Is(err, io.EOF) {
			return counted, nil
		} else if err != nil {
			return counted, fmt.Errorf("cannot read what go test says: %w", err)
		}
		_, _ = io.WriteString(out, counted.add(e))
	}
}
