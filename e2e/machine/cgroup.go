package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	cgroupRoot   = "/sys/fs/cgroup"
	cgroupPrefix = "spillway-playground-"
)

// cgroupOf names the cgroup of the machine that a process outside has started.
func cgroupOf(pid int) string { return cgroupPrefix + strconv.Itoa(pid) }

// makeCgroup makes a cgroup in every hierarchy. Its parent must exist.
func makeCgroup(name string) error {
	hierarchies, err := cgroupHierarchies()
	if err != nil {
		return err
	}
	for _, hierarchy := range hierarchies {
		dir := filepath.Join(hierarchy, name)
		if err := handDown(filepath.Dir(dir)); err != nil {
			return fmt.Errorf("cannot hand controllers down to cgroups: %w", err)
		}
		if err := os.Mkdir(dir, 0o755); err != nil {
			return fmt.Errorf("cannot make a cgroup: %w", err)
		}
	}
	return nil
}

// handDown lets cgroups below dir have all controllers that dir has. There is
// nothing to do in cgroup v1, where each controller has its own hierarchy.
func handDown(dir string) error {
	controllers, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if errors.Is(err, fs.ErrNotExist) || len(controllers) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	all := "+" + strings.Join(strings.Fields(string(controllers)), " +")
	return os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte(all), 0)
}

// removeCgroups removes the cgroups of a name, which may be a pattern, in every
// hierarchy, with those that were made below them. None has processes any more.
func removeCgroups(name string) error {
	var errs []error
	for _, pattern := range []string{filepath.Join(cgroupRoot, name), filepath.Join(cgroupRoot, "*", name)} {
		found, err := filepath.Glob(pattern)
		errs = append(errs, err)
		for _, dir := range found {
			// Some hierarchies have second names, which are links.
			if target, err := filepath.EvalSymlinks(dir); err == nil && target == dir {
				errs = append(errs, removeTree(dir))
			}
		}
	}
	return errors.Join(errs...)
}

// cgroupHierarchies returns the folders below which cgroups are made: one with
// cgroup v2, else one for each controller.
func cgroupHierarchies() ([]string, error) {
	if _, err := os.Stat(filepath.Join(cgroupRoot, "cgroup.controllers")); err == nil {
		return []string{cgroupRoot}, nil
	}
	entries, err := os.ReadDir(cgroupRoot)
	if err != nil {
		return nil, err
	}
	var hierarchies []string
	for _, entry := range entries {
		// Links are second names of a hierarchy.
		if entry.IsDir() {
			hierarchies = append(hierarchies, filepath.Join(cgroupRoot, entry.Name()))
		}
	}
	if len(hierarchies) == 0 {
		return nil, fmt.Errorf("no cgroups in %s", cgroupRoot)
	}
	return hierarchies, nil
}

// removeTree removes the folders of a tree of cgroups, the innermost first;
// their files go with them.
func removeTree(root string) error {
	var dirs []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	})
	for _, dir := range slices.Backward(dirs) {
		err = errors.Join(err, os.Remove(dir))
	}
	return err
}
