package playground

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a program that can be stopped, killed and started again with the
// same arguments. It never outlives the process that started it, whatever
// happens to that one. Its methods may be called from several goroutines.
type Process struct {
	name string
	path string
	args []string
	log  string
	// cores are where it may run; none are all.
	cores []int
	// env is added to our own environment.
	env []string

	mu  sync.Mutex
	run *run // the current or the last run, nil before the first
}

// run is one life of a Process. exited closes after err is set.
type run struct {
	pid     int
	started time.Time
	exited  chan struct{}
	err     error
}

// StartProcess starts path with args. What it prints goes to <dir>/<name>.log,
// and dir, which is made if needed, is its working directory.
func StartProcess(name, dir, path string, args ...string) (*Process, error) {
	return startOn(nil, nil, name, dir, path, args...)
}

// startOn is StartProcess for a process that runs on those cores only, none are all, and
// has more in its environment than we.
func startOn(cores []int, env []string, name, dir, path string, args ...string) (*Process, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("cannot make the folder of %s: %w", name, err)
	}
	p := &Process{name: name, path: path, args: args, log: filepath.Join(dir, name+".log"), cores: cores, env: env}
	return p, p.Start()
}

// Name is the name given to StartProcess.
func (p *Process) Name() string { return p.name }

// LogFile is the path of everything the process printed, over all its runs.
func (p *Process) LogFile() string { return p.log }

// PID is the process id of the current or the last run, 0 before the first.
func (p *Process) PID() int {
	if r := p.current(); r != nil {
		return r.pid
	}
	return 0
}

// Started is when the current or the last run began, zero before the first.
func (p *Process) Started() time.Time {
	if r := p.current(); r != nil {
		return r.started
	}
	return time.Time{}
}

// Exited is closed when the current run has ended; Start begins a new one with
// a new channel.
func (p *Process) Exited() <-chan struct{} {
	if r := p.current(); r != nil {
		return r.exited
	}
	ended := make(chan struct{})
	close(ended)
	return ended
}

// Running says whether the process is alive.
func (p *Process) Running() bool {
	select {
	case <-p.Exited():
		return false
	default:
		return true
	}
}

// Start runs the program again, with the arguments it always had. It fails if
// the program is running already or cannot be started; it does not wait until
// the program is ready for anything.
func (p *Process) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.run != nil {
		select {
		case <-p.run.exited:
		default:
			return fmt.Errorf("%s is already running with pid %d", p.name, p.run.pid)
		}
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("cannot open the log of %s: %w", p.name, err)
	}
	cmd := exec.Command(p.path, p.args...) //nolint:noctx // its end is decided by Stop and Kill, not by a context
	cmd.Dir = filepath.Dir(p.log)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:   true,            // Ctrl-C in a terminal reaches us, not it: we decide who stops when
		Pdeathsig: syscall.SIGKILL, // and if we die without deciding, the kernel does
	}
	r, err := live(cmd, p.cores)
	if err != nil {
		return errors.Join(fmt.Errorf("cannot start %s: %w", p.name, err), log.Close())
	}
	p.run = r
	return log.Close() // the child has its own
}

// live starts cmd and waits for its end in a goroutine of its own. That
// goroutine keeps its thread to itself, because the kernel sends Pdeathsig when
// the *thread* that started a child ends, and Go ends threads as it pleases. A thread
// that was bound to cores, for its child to inherit, ends with the goroutine.
func live(cmd *exec.Cmd, cores []int) (*run, error) {
	r := &run{started: time.Now(), exited: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		if len(cores) == 0 {
			defer runtime.UnlockOSThread()
		}
		if err := stay(0, cores); err != nil {
			started <- err
			return
		}
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		r.pid = cmd.Process.Pid
		started <- nil
		r.err = cmd.Wait()
		close(r.exited)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return r, nil
}

// Stop asks the process to end (SIGTERM) and waits until it has. When ctx ends
// first it kills the process, waits for that, and says so with an error.
// Stopping what does not run is no error.
func (p *Process) Stop(ctx context.Context) error {
	r := p.current()
	if r == nil || !p.Running() {
		return nil
	}
	if err := p.signal(r, syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-r.exited:
		return nil
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("%s had to be killed: %w", p.name, context.Cause(ctx)), p.Kill())
	}
}

// Kill ends the process without asking (SIGKILL) and waits until it is gone.
func (p *Process) Kill() error {
	r := p.current()
	if r == nil {
		return nil
	}
	if err := p.signal(r, syscall.SIGKILL); err != nil {
		return err
	}
	<-r.exited
	return nil
}

// Restart is Stop and Start.
func (p *Process) Restart(ctx context.Context) error {
	if err := p.Stop(ctx); err != nil {
		return err
	}
	return p.Start()
}

// Err describes how the last run ended together with the last lines it
// printed; nil while the process is running and before its first run.
func (p *Process) Err() error {
	r := p.current()
	if r == nil || p.Running() {
		return nil
	}
	ending := "without an error"
	if r.err != nil {
		ending = "with " + r.err.Error()
	}
	return fmt.Errorf("%s ended %s; the end of %s:\n%s", p.name, ending, p.log, p.LogTail(20))
}

// LogTail returns the last lines the process printed, at most n.
func (p *Process) LogTail(n int) string {
	content, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// signal reaches the process and whatever it started, its process group.
func (p *Process) signal(r *run, sig syscall.Signal) error {
	select {
	case <-r.exited:
		return nil // the id may belong to somebody else by now
	default:
	}
	if err := syscall.Kill(-r.pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("cannot signal %s (pid %d): %w", p.name, r.pid, err)
	}
	return nil
}

func (p *Process) current() *run {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.run
}
