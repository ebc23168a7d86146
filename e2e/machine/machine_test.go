package machine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// insideVariable in the environment makes the test binary a program that runs
// tryOut on a machine, as a package's tests would.
const insideVariable = "PLAYGROUND_MACHINE_TEST"

const (
	codeTried       = 7
	codeUnavailable = 8
)

func TestMain(m *testing.M) {
	if os.Getenv(insideVariable) == "" {
		os.Exit(m.Run())
	}
	code, err := Run(tryOut)
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if errors.Is(err, ErrUnavailable) {
		code = codeUnavailable
	}
	os.Exit(code)
}

// tryOut leaves behind what container programs leave behind, and says so.
func tryOut() int {
	if err := mess(); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 1
	}
	_, _ = fmt.Fprintln(os.Stdout, "inside", Dir(), os.Getenv(cgroupVariable))
	if os.Getenv(insideVariable) == "wait" {
		select {}
	}
	return codeTried
}

func mess() error {
	// An orphan in a session of its own, in a cgroup, with a file in /run.
	if out, err := exec.Command("/bin/sh", "-c", "setsid sleep 612 >/dev/null 2>&1 & echo $! > /run/orphan.pid").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	pid, err := os.ReadFile("/run/orphan.pid")
	if err != nil {
		return err
	}
	group, err := MakeCgroup("below")
	if err != nil {
		return err
	}
	hierarchies, err := cgroupHierarchies()
	if err != nil {
		return err
	}
	below := filepath.Join(hierarchies[0], group)
	if err := os.WriteFile(filepath.Join(below, "cgroup.procs"), pid, 0); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(Address, "0"))
	if err != nil {
		return fmt.Errorf("the machine does not have its address: %w", err)
	}
	return errors.Join(listener.Close(), os.WriteFile(filepath.Join(Dir(), "log"), nil, 0o600))
}

// TestRun sees that what runs inside hands its result out and that nothing is
// left of it.
func TestRun(t *testing.T) {
	program := command(t, "return")
	out, err := program.Output()
	if available(t, program) {
		if code := program.ProcessState.ExitCode(); code != codeTried {
			t.Fatalf("it returned %d (%v)", code, err)
		}
		// The run did not return 0, so its logs are for us to remove.
		dir := nothingLeft(t, string(out))
		if !exists(filepath.Join(dir, "log")) {
			t.Error("a run that failed keeps no logs")
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	}
}

// TestKilled kills the process outside without asking: what ran inside ends, and
// the next machine removes what the killed one could not.
func TestKilled(t *testing.T) {
	program := command(t, "wait")
	out, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	killed := program.Process.Kill()
	_ = program.Wait() // it was killed, that is an error
	if !available(t, program) {
		return
	}
	if killed != nil || line == "" {
		t.Fatalf("it could not be killed: %v, having said %q", killed, line)
	}
	var dir, group string
	if _, err := fmt.Sscanf(line, "inside %s %s", &dir, &group); err != nil {
		t.Fatal(err)
	}
	waitEmpty(t, group)
	next := command(t, "return")
	text, _ := next.Output() // it returns codeTried
	if err := errors.Join(os.RemoveAll(dir), os.RemoveAll(nothingLeft(t, string(text)))); err != nil {
		t.Error(err)
	}
}

// command is the test binary as a program that has a machine.
func command(t *testing.T, then string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	program := exec.CommandContext(ctx, os.Args[0])
	program.Env = append(os.Environ(), insideVariable+"="+then)
	program.Stderr = os.Stderr
	return program
}

// available says whether there could be a machine. That there is none without
// root is a result too; the package whose stories are left out then says so.
func available(t *testing.T, program *exec.Cmd) bool {
	t.Helper()
	unavailable := program.ProcessState.ExitCode() == codeUnavailable
	if unavailable && os.Geteuid() == 0 {
		t.Log("root cannot have a machine here")
	}
	if !unavailable && os.Geteuid() != 0 {
		t.Error("there was a machine without root")
	}
	return !unavailable
}

// nothingLeft reads what tryOut said and looks for what it made; it returns the
// machine's folder.
func nothingLeft(t *testing.T, said string) (dir string) {
	t.Helper()
	var group string
	if _, err := fmt.Sscanf(said, "inside %s %s", &dir, &group); err != nil {
		t.Fatalf("it said %q: %v", said, err)
	}
	if found := cgroups(t, group); len(found) > 0 {
		t.Errorf("cgroups are left: %s", found)
	}
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for _, own := range ownFolders()[1:] {
		if exists(filepath.Join(own, madeHere)) && nobodyElse(t) {
			t.Errorf("%s is left", own)
		}
		if strings.Contains(string(mounts), " "+own+" ") {
			t.Errorf("%s is mounted outside", own)
		}
	}
	if exists("/run/orphan.pid") {
		t.Error("a file in /run is left")
	}
	return dir
}

// nobodyElse says whether no machine runs at the moment; another package's tests
// may have one.
func nobodyElse(t *testing.T) bool {
	t.Helper()
	lock, err := os.Open(sharedFolder)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	return unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}

// waitEmpty waits until no process is left in a cgroup.
func waitEmpty(t *testing.T, group string) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(10 * time.Second); ; <-ticker.C {
		var pids []byte
		for _, dir := range cgroups(t, group) {
			found, err := os.ReadFile(filepath.Join(dir, "below", "cgroup.procs"))
			if err == nil {
				pids = append(pids, found...)
			}
		}
		if len(pids) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("processes live on: %s", pids)
		}
	}
}

func cgroups(t *testing.T, group string) []string {
	t.Helper()
	found, err := filepath.Glob(cgroupRoot + "/*" + group)
	if err != nil {
		t.Fatal(err)
	}
	if one := cgroupRoot + group; exists(one) {
		found = append(found, one)
	}
	return found
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
