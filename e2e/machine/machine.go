package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
)

// The environment by which the three processes know what they are. Only the
// outermost has none of it.
const (
	roleVariable   = "PLAYGROUND_MACHINE_ROLE"
	dirVariable    = "PLAYGROUND_MACHINE_DIR"
	cgroupVariable = "PLAYGROUND_MACHINE_CGROUP"

	roleFirst  = "first"
	roleInside = "inside"
)

// ErrUnavailable says that this user, or this system, cannot have such a
// machine.
var ErrUnavailable = errors.New("no machine of our own here")

// Outside says whether the process is the one that will start the machine.
func Outside() bool { return os.Getenv(roleVariable) == "" }

// Dir is a folder for everything that runs inside; it is removed with the
// machine, unless the run failed.
func Dir() string { return os.Getenv(dirVariable) }

// MakeCgroup makes a cgroup for one kubelet and returns its path below the roots
// of all hierarchies; it is removed with the machine. Two kubelets need two: each
// ends what it does not know.
func MakeCgroup(name string) (path string, err error) {
	path = filepath.Join(os.Getenv(cgroupVariable), name)
	return path, makeCgroup(path)
}

// Run calls inside, in a process on a machine of its own, and returns what that
// process returned. It must be called before anything else happens, in each of
// the processes; only the outermost returns from it without having called
// inside, or with an error.
func Run(inside func() int) (code int, err error) {
	switch os.Getenv(roleVariable) {
	case "":
		return start()
	case roleFirst:
		return first()
	default:
		return inside(), nil
	}
}

// start makes what the machine needs outside, starts it and cleans up.
func start() (code int, err error) {
	if os.Geteuid() != 0 {
		return 0, fmt.Errorf("%w: that needs root", ErrUnavailable)
	}
	leave, err := enter()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, leave()) }()
	group := cgroupOf(os.Getpid())
	if err := makeCgroup(group); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	dir, err := os.MkdirTemp("", "spillway-machine-")
	if err != nil {
		return 0, fmt.Errorf("cannot make a folder for the machine: %w", err)
	}
	defer func() {
		if code != 0 {
			_, _ = fmt.Fprintln(os.Stderr, "logs are kept in", dir)
			return
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	return runAgain(dir, cgroupVariable+"=/"+group, roleVariable+"="+roleFirst)
}

// runAgain runs this program as the first process of new namespaces and waits
// for its end.
func runAgain(dir string, environment ...string) (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("cannot find this program: %w", err)
	}
	// Who interrupts us, ends the machine and lets us clean up.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The kernel sends Pdeathsig when the thread ends, and that must be when we do.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, self, os.Args[1:]...)
	cmd.Env = append(append(os.Environ(), dirVariable+"="+dir), environment...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET,
		Pdeathsig:  syscall.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("%w: cannot make namespaces: %w", ErrUnavailable, err)
	}
	if err := cmd.Wait(); cmd.ProcessState == nil {
		return 1, fmt.Errorf("cannot wait for the machine: %w", err)
	}
	if reason, err := os.ReadFile(refusal(dir)); err == nil {
		return 0, fmt.Errorf("%w: %s", ErrUnavailable, reason)
	}
	if code := cmd.ProcessState.ExitCode(); code >= 0 {
		return code, nil
	}
	return 1, fmt.Errorf("the machine ended with %s", cmd.ProcessState)
}

// refusal is the file in which the first process says what it was not let do.
func refusal(dir string) string { return filepath.Join(dir, "unavailable") }

// first is the life of the machine's first process.
func first() (int, error) {
	if err := setUp(); err != nil {
		return 1, errors.Join(err, os.WriteFile(refusal(Dir()), []byte(err.Error()), 0o600))
	}
	if err := os.Setenv(roleVariable, roleInside); err != nil {
		return 1, err
	}
	self, err := os.Executable()
	if err != nil {
		return 1, fmt.Errorf("cannot find this program: %w", err)
	}
	child, err := os.StartProcess(self, os.Args, &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
	if err != nil {
		return 1, fmt.Errorf("cannot start the program again inside: %w", err)
	}
	return reapUntil(child.Pid)
}

// reapUntil waits for whatever ends, also for orphans, which are the first
// process's to wait for, until the given child has, and returns its exit code.
func reapUntil(child int) (int, error) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 1, fmt.Errorf("cannot wait for processes: %w", err)
		case pid == child && status.Exited():
			return status.ExitStatus(), nil
		case pid == child && status.Signaled():
			return 1, fmt.Errorf("the program inside was ended by a signal: %s", status.Signal())
		}
	}
}
