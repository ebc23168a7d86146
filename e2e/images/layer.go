package images

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// setuid is what a tar archive calls the set-user-id bit.
const setuid = 0o4000

// Layer is what an image has beside busybox; all of it belongs to root. Paths in
// the image are without a leading slash, and what is there already is replaced.
type Layer struct {
	// Folder is a folder on this machine; what is below it is at the image's root.
	Folder string
	// Without are names below Folder that are left out, with all below them.
	Without []string
	// Programs are files on this machine, by path in the image.
	Programs map[string]string
	// SetUID are those of the programs that run as root whoever starts them.
	SetUID []string
	// Files are the contents of files, by path in the image.
	Files map[string]string
	// Folders are empty folders that everybody may write to.
	Folders []string
	// Links are the targets of symbolic links, by path in the image.
	Links map[string]string
}

func (l *Layer) archive() ([]byte, error) {
	var layer bytes.Buffer
	archive := tar.NewWriter(&layer)
	for _, write := range []func(*tar.Writer) error{l.writeTree, l.writePrograms, l.writeRest, (*tar.Writer).Close} {
		if err := write(archive); err != nil {
			return nil, err
		}
	}
	return layer.Bytes(), nil
}

func (l *Layer) writePrograms(archive *tar.Writer) error {
	for _, name := range slices.Sorted(maps.Keys(l.Programs)) {
		content, err := os.ReadFile(l.Programs[name])
		if err != nil {
			return err
		}
		mode := int64(0o755)
		if slices.Contains(l.SetUID, name) {
			mode |= setuid
		}
		if err := writeFile(archive, name, mode, content); err != nil {
			return err
		}
	}
	return nil
}

func (l *Layer) writeRest(archive *tar.Writer) error {
	for _, name := range slices.Sorted(maps.Keys(l.Files)) {
		if err := writeFile(archive, name, 0o644, []byte(l.Files[name])); err != nil {
			return err
		}
	}
	for _, name := range l.Folders {
		if err := writeFolder(archive, name, 0o777); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.Links)) {
		if err := writeLink(archive, name, l.Links[name]); err != nil {
			return err
		}
	}
	return nil
}

// writeTree writes what is below the folder, in an order and with modes that do
// not change from one machine to the next.
func (l *Layer) writeTree(archive *tar.Writer) error {
	if l.Folder == "" {
		return nil
	}
	return filepath.WalkDir(l.Folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(l.Folder, path)
		if err != nil || name == "." {
			return err
		}
		if slices.Contains(l.Without, name) {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		return writeEntry(archive, name, path, entry)
	})
}

func writeEntry(archive *tar.Writer, name, path string, entry fs.DirEntry) error {
	switch {
	case entry.IsDir():
		return writeFolder(archive, name, 0o755)
	case entry.Type() == fs.ModeSymlink:
		target, err := os.Readlink(path)
		if err != nil {
			return err
		}
		return writeLink(archive, name, target)
	case entry.Type().IsRegular():
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		mode := int64(0o644)
		if info, err := entry.Info(); err != nil {
			return err
		} else if info.Mode()&0o111 != 0 || strings.Contains(name, "/ld-linux") {
			mode = 0o755
		}
		return writeFile(archive, name, mode, content)
	default:
		return fmt.Errorf("%s is a %s, which no image needs", path, entry.Type())
	}
}
