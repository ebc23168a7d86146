package chart

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// TestGolden: what helm would install, for all variants.
func TestGolden(t *testing.T) {
	stale := map[string]bool{}
	there, err := filepath.Glob(filepath.Join("testdata", "*.golden.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range there {
		stale[file] = true
	}
	for name, values := range variants(t) {
		file := filepath.Join("testdata", name+".golden.yaml")
		delete(stale, file)
		t.Run(name, func(t *testing.T) {
			rendered, err := RenderFor(nil, values, release, namespace)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, file, text(t, rendered))
		})
	}
	for file := range stale {
		if updating() {
			if err := os.Remove(file); err != nil {
				t.Error(err)
			}
			continue
		}
		t.Errorf("%s is nobody's: there are no such values in charts/spillway/ci", file)
	}
}

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write the golden files anew")
	flag.Parse()
	os.Exit(m.Run())
}

func updating() bool {
	update := flag.Lookup("update")
	return update != nil && update.Value.String() == "true"
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	if updating() {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; make golden writes it", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: -want +got; if it is meant to change: make golden\n%s", file, diff)
	}
}

// text is all of a release, sorted and without comments, so that a difference is one
// that Kubernetes sees.
func text(t *testing.T, rendered Rendered) string {
	t.Helper()
	slices.SortFunc(rendered.Objects, func(a, b *unstructured.Unstructured) int { return strings.Compare(title(a), title(b)) })
	var b strings.Builder
	for _, object := range rendered.Objects {
		if object.GetKind() == "CustomResourceDefinition" {
			object = object.DeepCopy()
			unstructured.RemoveNestedField(object.Object, "spec") // as in files/crds
		}
		content, err := yaml.Marshal(object.Object)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "--- # %s\n%s", title(object), content)
	}
	fmt.Fprintf(&b, "--- # What helm prints:\n")
	for line := range strings.Lines(strings.TrimSpace(rendered.Notes) + "\n") {
		b.WriteString(strings.TrimRight("# "+line, " \n") + "\n")
	}
	return b.String()
}

func title(object *unstructured.Unstructured) string {
	return strings.TrimSuffix(object.GetKind()+" "+object.GetName()+" in "+object.GetNamespace(), " in ")
}
