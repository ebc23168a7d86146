package stash_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/webhook/stash"
)

// TestReleasedFormats: pods that were admitted by an earlier version are recovered by
// this one as they were by that one, since they may outlive any number of upgrades. The
// files are never changed; a release adds a folder of its own.
func TestReleasedFormats(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "released", "*", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no released formats: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.ToSlash(file), func(t *testing.T) {
			var released struct {
				// Upstream is the pod as the API server kept it.
				Upstream corev1.Pod `json:"upstream"`
				// Downstream is what its downstream pod got of the scheduling fields.
				Downstream corev1.PodSpec `json:"downstream"`
				Origin     string         `json:"origin"`
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := yaml.UnmarshalStrict(text, &released); err != nil {
				t.Fatal(err)
			}
			want := map[string]stash.Origin{"saved": stash.Saved, "supplied": stash.Supplied}[released.Origin]
			if read, err := stash.Read(&released.Upstream); err != nil || read.Origin != want {
				t.Errorf("the stash is of origin %d (%v), want %q, %d", read.Origin, err, released.Origin, want)
			}
			got, err := stash.Recover(&released.Upstream, virtualNode())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(stash.FieldsOf(&released.Downstream), got); diff != "" {
				t.Errorf("-released +now:\n%s", diff)
			}
		})
	}
}
