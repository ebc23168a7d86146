package playground

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestProcess(t *testing.T) {
	ctx := deadline(t)
	p, err := StartProcess("shell", t.TempDir(), "/bin/sh", "-c", "echo begun; while true; do sleep 0.1; done")
	if err != nil {
		t.Fatal(err)
	}
	waitBegun(ctx, t, p, 1)
	first := p.PID()
	if err := p.Start(); err == nil {
		t.Error("it was started twice")
	}
	if err := p.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	waitBegun(ctx, t, p, 2)
	if p.PID() == first || !gone(first) {
		t.Errorf("pid %d is still there, or again", first)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if p.Running() || !gone(p.PID()) {
		t.Error("it lives after Kill")
	}
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "begun") {
		t.Errorf("the error does not tell what it printed: %v", err)
	}
	if err := errors.Join(p.Stop(ctx), p.Kill()); err != nil {
		t.Errorf("stopping what does not run: %v", err)
	}
}

func TestStopKillsTheStubborn(t *testing.T) {
	p, err := StartProcess("stubborn", t.TempDir(), "/bin/sh", "-c", "trap '' TERM; echo begun; while true; do sleep 0.1; done")
	if err != nil {
		t.Fatal(err)
	}
	waitBegun(deadline(t), t, p, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := p.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Stop did not say that it had to kill: %v", err)
	}
	if p.Running() || !gone(p.PID()) {
		t.Error("it lives after Stop")
	}
}

func TestStartUnknown(t *testing.T) {
	if p, err := StartProcess("nothing", t.TempDir(), "/no/such/program"); err == nil {
		t.Errorf("it started as pid %d", p.PID())
	}
}

// TestDiesWithParent kills a process that started others (see orphanMaker).
func TestDiesWithParent(t *testing.T) {
	ctx := deadline(t)
	parent := exec.CommandContext(ctx, os.Args[0])
	parent.Env = append(os.Environ(), orphanDir+"="+t.TempDir())
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var child int
	if _, err := fmt.Fscan(bufio.NewReader(out), &child); err != nil {
		t.Fatal(err)
	}
	if gone(child) {
		t.Fatal("the child does not live")
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // it was killed, that is an error
	if err := Eventually(ctx, "the child is gone", func(context.Context) error {
		if !gone(child) {
			return fmt.Errorf("pid %d lives", child)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// orphanDir in the environment makes the test binary be a process that starts
// another in that folder, prints its pid and waits to be killed.
const orphanDir = "PLAYGROUND_TEST_ORPHAN_DIR"

func orphanMaker(dir string) int {
	p, err := StartProcess("child", dir, "/bin/sleep", "600")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(p.PID()) //nolint:forbidigo // stdout is how the test reads it
	<-p.Exited()
	return 0
}

func TestPorts(t *testing.T) {
	var ours, others Ports
	t.Cleanup(func() {
		if err := errors.Join(ours.Release(), others.Release()); err != nil {
			t.Error(err)
		}
	})
	taken := map[int]bool{}
	for range 50 {
		for _, ports := range []*Ports{&ours, &others} {
			port, err := ports.Take()
			if err != nil {
				t.Fatal(err)
			}
			if taken[port] {
				t.Errorf("port %d was given out twice", port)
			}
			taken[port] = true
		}
	}
	for port := range taken {
		if _, err := claimPort(port); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("port %d can be claimed twice: %v", port, err)
		}
		listener, err := net.Listen("tcp", loopback(port))
		if err != nil {
			t.Fatalf("its holder cannot listen on port %d: %v", port, err)
		}
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
	}
}

// gone says whether a process has ended; one that its parent has not been told
// of yet (a zombie) has.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	afterName := stat[bytes.LastIndexByte(stat, ')')+1:]
	return bytes.HasPrefix(afterName, []byte(" Z"))
}

// waitBegun waits until the process has printed "begun" so many times.
func waitBegun(ctx context.Context, t *testing.T, p *Process, times int) {
	t.Helper()
	err := Eventually(ctx, p.Name()+" has begun", func(context.Context) error {
		if n := strings.Count(p.LogTail(10), "begun"); n != times {
			return fmt.Errorf("%d times", n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
