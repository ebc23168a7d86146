package binaries

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// lock makes dir and waits until no other process builds into it. The kernel
// drops the lock with the process that holds it, so none can be left behind.
func lock(ctx context.Context, dir string, out io.Writer) (release func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("cannot make the folder for the programs: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot open the build lock: %w", err)
	}
	if err := acquire(ctx, file, out); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot take the build lock of %s: %w", dir, err), file.Close())
	}
	return func() { _ = file.Close() }, nil
}

func acquire(ctx context.Context, file *os.File, out io.Writer) error {
	retry := time.NewTicker(100 * time.Millisecond)
	defer retry.Stop()
	for told := false; ; {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return err
		}
		if !told {
			_, _ = fmt.Fprintln(out, "another process is building, waiting for it ...")
			told = true
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-retry.C:
		}
	}
}
