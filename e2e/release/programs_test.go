package release

import (
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func TestPlatforms(t *testing.T) {
	amd := mustRead(t)
	arm := amd
	amd.Platform.Architecture, arm.Platform.Architecture = "amd64", "arm64"
	files, err := writeFiles(t.TempDir(), options(), []Program{amd, arm})
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Base(files.Archive) != "spillway-v1.2.3.oci.tar" || len(files.SBOMs) != 2 {
		t.Errorf("it writes %+v", files)
	}
	oci, top := index(t, files.Archive)
	images, err := oci.ImageIndex(top.Digest)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := images.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, image := range manifest.Manifests {
		got = append(got, image.Platform.String())
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, got); diff != "" {
		t.Errorf("the platforms (-want +got):\n%s", diff)
	}
	if docker, err := tarball.ImageFromPath(files.Archive, nil); err != nil {
		t.Error(err)
	} else if config, err := docker.ConfigFile(); err != nil || config.Architecture != "amd64" {
		t.Errorf("Docker gets %+v (%v), want the first one", config, err)
	}
	if _, err := Write(io.Discard, options(), amd, arm, amd); err == nil || !strings.Contains(err.Error(), "two programs are for linux/amd64") {
		t.Errorf("two programs for one platform: %v", err)
	}
}

// dynamic is a copy of a program that asks for a loader: its first segment is
// said to be the loader's name.
func dynamic(t *testing.T, path string) string {
	t.Helper()
	path = elsewhere(t, path)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	segments := binary.NativeEndian.Uint64(content[0x20:]) // e_phoff of a 64-bit ELF file
	binary.NativeEndian.PutUint32(content[segments:], uint32(elf.PT_INTERP))
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRefused(t *testing.T) {
	tiny := build(t)
	called := func(name string) Options { return Options{Name: name, Version: "v1"} }
	cases := map[string]struct {
		reason  string
		options Options
		paths   []string
		want    string
	}{
		"no-tag":      {"which version it is must be said", called("spillway"), []string{tiny}, "it has no tag"},
		"port-no-tag": {"a port is no tag", called("example.com:5000/spillway"), []string{tiny}, "it has no tag"},
		"bad-name":    {"containerd would take it and no pod could ask for it", called("Spillway:v1"), []string{tiny}, "cannot call an image"},
		"no-program":  {"an empty image runs nowhere", called("spillway:v1"), nil, "there is no program"},
		"no-go":       {"nothing is known about it", called("spillway:v1"), []string{"release_test.go"}, "cannot read what release_test.go was built from"},
		"dynamic":     {"it would not start, and say only that a file is missing", called("spillway:v1"), []string{dynamic(t, tiny)}, errDynamic.Error()},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := WriteFiles(dir, tc.options, tc.paths...)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: %v, want %q", tc.reason, err, tc.want)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
				t.Errorf("it leaves %v (%v)", left, err)
			}
		})
	}
}
