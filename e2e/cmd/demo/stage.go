package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// marker is a file that says that a folder is a demo's, and may be emptied. The
// demo that uses the folder holds a lock on it.
const marker = ".spillway-demo"

// emptyStage makes dir, or empties it if an earlier demo made it. A folder that
// holds anything else is left alone, and so is one that a demo uses right now.
// Release lets the next demo use it.
func emptyStage(dir string) (stage string, release func(), err error) {
	stage, err = filepath.Abs(dir)
	if err != nil {
		return "", nil, fmt.Errorf("cannot find %s: %w", dir, err)
	}
	if err := os.MkdirAll(stage, 0o755); err != nil {
		return "", nil, fmt.Errorf("cannot make the demo's folder: %w", err)
	}
	entries, err := os.ReadDir(stage)
	if err != nil {
		return "", nil, fmt.Errorf("cannot look into the demo's folder: %w", err)
	}
	_, err = os.Stat(filepath.Join(stage, marker))
	if len(entries) > 0 && err != nil {
		return "", nil, fmt.Errorf("%s is not empty and no earlier demo's: give another folder with -dir", stage)
	}
	lock, err := os.OpenFile(filepath.Join(stage, marker), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", nil, fmt.Errorf("cannot mark the demo's folder: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return "", nil, errors.Join(fmt.Errorf("another demo uses %s: give another folder with -dir: %w", stage, err), lock.Close())
	}
	for _, entry := range entries {
		if entry.Name() == marker {
			continue
		}
		if err := os.RemoveAll(filepath.Join(stage, entry.Name())); err != nil {
			return "", nil, errors.Join(fmt.Errorf("cannot empty the demo's folder: %w", err), lock.Close())
		}
	}
	return stage, func() { _ = lock.Close() }, nil
}
