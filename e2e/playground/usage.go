package playground

import (
	"fmt"
	"time"

	"github.com/prometheus/procfs"
)

// Usage is what a process takes from its machine.
type Usage struct {
	// CPU is the time that it has computed since it was started.
	CPU time.Duration
	// Resident is the memory that it holds now, in bytes.
	Resident uint64
}

// Usage asks the kernel what the current run has used; a process that has ended
// is an error.
func (p *Process) Usage() (Usage, error) {
	proc, err := procfs.NewProc(p.PID())
	if err != nil {
		return Usage{}, fmt.Errorf("cannot find process %s: %w", p.name, err)
	}
	stat, err := proc.Stat()
	if err != nil {
		return Usage{}, fmt.Errorf("cannot measure process %s: %w", p.name, err)
	}
	return Usage{CPU: time.Duration(stat.CPUTime() * float64(time.Second)), Resident: uint64(stat.ResidentMemory())}, nil
}
