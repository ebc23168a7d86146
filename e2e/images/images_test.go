package images

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWrite(t *testing.T) {
	busybox := filepath.Join(t.TempDir(), "busybox")
	if err := os.WriteFile(busybox, []byte("a program"), 0o600); err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	if err := Write(&archive, busybox, App("app:1"), App("app:2"), Image{Tags: []string{"app:1", "app:latest"}}, Pause("pause:1")); err != nil {
		t.Fatal(err)
	}
	files := read(t, archive.Bytes())
	var manifest []struct {
		Config           string
		RepoTags, Layers []string
	}
	if err := json.Unmarshal(files["manifest.json"], &manifest); err != nil {
		t.Fatal(err)
	}
	ids := map[string][]string{}
	for _, image := range manifest {
		if files[image.Config] == nil || len(image.Layers) != 1 || files[image.Layers[0]] == nil {
			t.Errorf("%v is not in the archive", image)
		}
		ids[image.Config] = append(ids[image.Config], image.RepoTags...)
	}
	var tags [][]string
	for _, image := range manifest {
		if names := ids[image.Config]; names != nil {
			tags = append(tags, names)
			delete(ids, image.Config)
		}
	}
	// What has the same first tag and command is the same image, all else is not.
	want := [][]string{{"app:1", "app:1", "app:latest"}, {"app:2"}, {"pause:1"}}
	if diff := cmp.Diff(want, tags); diff != "" {
		t.Errorf("tags by image id (-want +got):\n%s", diff)
	}
	layer := read(t, files["layer.tar"])
	if string(layer["bin/busybox"]) != "a program" || string(layer["bin/sh"]) != "-> busybox" {
		t.Errorf("the layer has no shell: %q, %q", layer["bin/busybox"], layer["bin/sh"])
	}
}

func TestWriteNothing(t *testing.T) {
	if err := Write(io.Discard, "/no/such/program", App("app:1")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an image without a program: %v", err)
	}
	if err := Write(io.Discard, os.Args[0], Image{}); err == nil {
		t.Error("an image without a tag was made")
	}
}

// read returns the files of an archive, and its links as "-> target".
func read(t *testing.T, archive []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for reader := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag == tar.TypeSymlink {
			content = []byte("-> " + header.Linkname)
		}
		files[header.Name] = content
	}
}
