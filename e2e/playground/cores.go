package playground

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// RunOn has this process run on those cores only, and every process that it starts
// from then on, unless its Options say something else. It fails where the machine does
// not have them, or does not let this process have them.
func RunOn(cores ...int) error {
	// The affinity is each thread's own. New threads have that of the thread that made
	// them, so one that was made meanwhile shows when they are looked at once more.
	for range 2 {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("cannot find the threads of this process: %w", err)
		}
		for _, thread := range threads {
			id, err := strconv.Atoi(thread.Name())
			if err != nil {
				continue
			}
			if err := stay(id, cores); err != nil {
				return err
			}
		}
	}
	return nil
}

// stay binds a thread to cores; thread 0 is the one that calls, no cores are all.
func stay(thread int, cores []int) error {
	if len(cores) == 0 {
		return nil
	}
	var set unix.CPUSet
	for _, core := range cores {
		set.Set(core)
	}
	if err := unix.SchedSetaffinity(thread, &set); err != nil {
		return fmt.Errorf("cannot run on cores %v: %w", cores, err)
	}
	return nil
}
