package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ownFolders are mounted over inside. They are used without being asked: by
// containerd's shims and the network plugins, which keep sockets and namespaces
// in /run, by libcni, and by the kubelet for device plugins and links to logs.
func ownFolders() []string {
	return []string{"/run", "/var/lib/cni", "/var/lib/kubelet", "/var/log/containers"}
}

// sharedFolder is locked by everybody who has a machine. It exists everywhere, is
// as lasting as what is made below it, and the lock goes with its holder.
const sharedFolder = "/var/lib"

// madeHere is a file in the own folders that did not exist before a machine
// needed them.
const madeHere = "made-by-spillway-playground"

// enter makes the folders that will be mounted over. What it returns removes what
// was made outside, also what is left of machines that were killed: but only if
// no other machine runs, as a folder that is removed here is no mount point there
// any more.
func enter() (leave func() error, err error) {
	lock, err := os.Open(sharedFolder)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_SH); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot lock %s: %w", sharedFolder, err), lock.Close())
	}
	leave = func() (err error) {
		defer func() { err = errors.Join(err, lock.Close()) }()
		if err := removeCgroups(cgroupOf(os.Getpid())); err != nil {
			return err
		}
		err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil // somebody else has a machine, and will leave too
		}
		return errors.Join(err, removeFolders(), removeCgroups(cgroupPrefix+"*"))
	}
	if err := makeFolders(); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot make a folder to mount on: %w", err), leave())
	}
	return leave, nil
}

func makeFolders() error {
	for _, dir := range ownFolders() {
		err := os.Mkdir(dir, 0o755)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, madeHere), nil, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func removeFolders() error {
	var errs []error
	for _, dir := range ownFolders() {
		err := os.Remove(filepath.Join(dir, madeHere))
		if err == nil {
			err = os.Remove(dir)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
