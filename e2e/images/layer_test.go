package images

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLayer(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, mode os.FileMode) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("a program"), mode)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("tree/usr/bin/curl", 0o700)
	write("tree/usr/share/doc/curl", 0o600)
	write("tree/etc/curlrc", 0o600)
	if err := os.Symlink("curl", filepath.Join(dir, "tree", "usr", "bin", "fetch")); err != nil {
		t.Fatal(err)
	}
	layer := &Layer{
		Folder:   filepath.Join(dir, "tree"),
		Without:  []string{"usr/share"},
		Programs: map[string]string{"run": write("run", 0o600), "whoami": write("whoami", 0o600)},
		SetUID:   []string{"whoami"},
		Files:    map[string]string{"etc/passwd": "root"},
		Folders:  []string{"uploads"},
		Links:    map[string]string{"run-2": "run"},
	}
	archive, err := layer.archive()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{
		"usr/": 0o755, "usr/bin/": 0o755, "usr/bin/curl": 0o755, "usr/bin/fetch": 0o777, "etc/": 0o755, "etc/curlrc": 0o644,
		"run": 0o755, "whoami": 0o4755, "etc/passwd": 0o644, "uploads/": 0o777, "run-2": 0o777,
	}
	if diff := cmp.Diff(want, modes(t, archive)); diff != "" {
		t.Errorf("what is in the layer, and its modes (-want +got):\n%s", diff)
	}

	var with, without bytes.Buffer
	busybox := write("busybox", 0o755)
	if err := Write(&with, busybox, Image{Tags: []string{"a:1"}, Over: layer}, Image{Tags: []string{"b:1"}, Over: layer, User: "7"}); err != nil {
		t.Fatal(err)
	}
	if err := Write(&without, busybox, App("a:1")); err != nil {
		t.Fatal(err)
	}
	if n := len(modes(t, with.Bytes())) - len(modes(t, without.Bytes())); n != 2 {
		t.Errorf("a layer of two images, and the second image, add %d files to the archive, want 2", n)
	}
	if _, err := (&Layer{Programs: map[string]string{"run": filepath.Join(dir, "missing")}}).archive(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a program that is not there: %v", err)
	}
}

func modes(t *testing.T, archive []byte) map[string]int64 {
	t.Helper()
	modes := map[string]int64{}
	for reader := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return modes
		}
		if err != nil {
			t.Fatal(err)
		}
		modes[header.Name] = header.Mode
	}
}
