package release

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// build builds a program that does nothing.
func build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"go.mod": "module example.com/tiny\n\ngo 1.26.0\n", "main.go": "package main\n\nfunc main() {}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", "tiny", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot build a program: %v\n%s", err, out)
	}
	return filepath.Join(dir, "tiny")
}

// elsewhere is a copy of a program, under another name and with another date.
func elsewhere(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "copy")
	if err := errors.Join(os.WriteFile(path, content, 0o600), os.Chtimes(path, time.Time{}, time.Unix(1, 0))); err != nil {
		t.Fatal(err)
	}
	return path
}

func options() Options {
	return Options{Name: "spillway:v1.2.3", Version: "v1.2.3", Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

func write(t *testing.T, o Options, paths ...string) Files {
	t.Helper()
	files, err := WriteFiles(t.TempDir(), o, paths...)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// unpack gives the archive's files a folder, as an OCI image layout is read.
func unpack(t *testing.T, archive string) string {
	t.Helper()
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	dir := t.TempDir()
	for _, entry := range entries(t, file) {
		path := filepath.Join(dir, entry.Name)
		if entry.Typeflag == tar.TypeDir {
			err = os.MkdirAll(path, 0o755)
		} else {
			err = os.WriteFile(path, entry.content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

type entry struct {
	*tar.Header
	content []byte
}

func entries(t *testing.T, r io.Reader) []entry {
	t.Helper()
	var all []entry
	for reader := tar.NewReader(r); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, entry{header, content})
	}
}

// index is what containerd reads of an archive.
func index(t *testing.T, archive string) (v1.ImageIndex, v1.Descriptor) {
	t.Helper()
	index, err := layout.ImageIndexFromPath(unpack(t, archive))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil || len(manifest.Manifests) != 1 {
		t.Fatalf("the archive holds %+v (%v), want one image or index", manifest, err)
	}
	return index, manifest.Manifests[0]
}

func TestSameProgramSameBytes(t *testing.T) {
	tiny := build(t)
	one, other := write(t, options(), tiny), write(t, options(), elsewhere(t, tiny))
	if one.Digest != other.Digest {
		t.Errorf("the same program gives %s and %s", one.Digest, other.Digest)
	}
	for _, pair := range [][2]string{{one.Archive, other.Archive}, {one.SBOMs[0], other.SBOMs[0]}} {
		a, err := os.ReadFile(pair[0])
		b, err2 := os.ReadFile(pair[1])
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) {
			t.Errorf("%s differs from one run to the next", filepath.Base(pair[0]))
		}
	}
	later := options()
	later.Created = later.Created.Add(time.Second)
	if again := write(t, later, tiny); again.Digest == one.Digest {
		t.Error("the time that was given is nowhere in the image")
	}
}

func TestArchive(t *testing.T) {
	files := write(t, options(), build(t))
	if want := "spillway-v1.2.3-linux-" + runtime.GOARCH + ".oci.tar"; filepath.Base(files.Archive) != want {
		t.Errorf("the archive is %s, want %s", files.Archive, want)
	}
	oci, top := index(t, files.Archive)
	want := map[string]string{
		"io.containerd.image.name":          "docker.io/library/spillway:v1.2.3",
		"org.opencontainers.image.ref.name": "v1.2.3",
	}
	if diff := cmp.Diff(want, top.Annotations); diff != "" {
		t.Errorf("what names the image (-want +got):\n%s", diff)
	}
	if top.Digest != files.Digest || top.Platform.String() != "linux/"+runtime.GOARCH {
		t.Errorf("the archive holds %s for %s, want %s", top.Digest, top.Platform, files.Digest)
	}
	image, err := oci.Image(top.Digest)
	if err != nil {
		t.Fatal(err)
	}
	checkConfig(t, image)
	checkFiles(t, image)

	// What `docker load` reads is the same image.
	tag, err := name.NewTag(files.Name)
	if err != nil {
		t.Fatal(err)
	}
	docker, err := tarball.ImageFromPath(files.Archive, &tag)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(docker); err != nil {
		t.Error(err)
	}
	id, err := image.ConfigName()
	dockerID, err2 := docker.ConfigName()
	if err := errors.Join(err, err2); err != nil || id != dockerID {
		t.Errorf("its id is %s, and for Docker %s (%v)", id, dockerID, err)
	}
}

func checkConfig(t *testing.T, image v1.Image) {
	t.Helper()
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{
		"org.opencontainers.image.title":       "spillway",
		"org.opencontainers.image.description": purpose,
		"org.opencontainers.image.version":     "v1.2.3",
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.source":      "https://github.com/spillway-io/spillway",
		"org.opencontainers.image.created":     "2026-01-02T03:04:05Z",
	}
	want := v1.Config{Entrypoint: []string{"/spillway"}, User: "65532:65532", WorkingDir: "/", Labels: labels}
	if diff := cmp.Diff(want, config.Config); diff != "" {
		t.Errorf("the configuration (-want +got):\n%s", diff)
	}
	if config.OS != "linux" || config.Architecture != runtime.GOARCH || !config.Created.Equal(options().Created) {
		t.Errorf("it is for %s/%s, of %s", config.OS, config.Architecture, config.Created)
	}
	manifest, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(labels, manifest.Annotations); diff != "" {
		t.Errorf("the manifest's annotations (-want +got):\n%s", diff)
	}
}

func checkFiles(t *testing.T, image v1.Image) {
	t.Helper()
	files := mutate.Extract(image)
	defer func() { _ = files.Close() }()
	got := map[string]int64{}
	for _, entry := range entries(t, files) {
		got[entry.Name] = entry.Mode
		if entry.Uid != 0 || entry.Gid != 0 || !entry.ModTime.Equal(options().Created) {
			t.Errorf("%s is of %d:%d, and of %s", entry.Name, entry.Uid, entry.Gid, entry.ModTime)
		}
	}
	want := map[string]int64{"etc": 0o755, "etc/passwd": 0o444, "etc/group": 0o444, "spillway": 0o555, "spillway.cdx.json": 0o444}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what a container finds, and its modes (-want +got):\n%s", diff)
	}
}
