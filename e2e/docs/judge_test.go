package docs

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spillway-io/spillway/e2e/binaries"
)

func TestParse(t *testing.T) {
	cases := map[string]struct {
		reason         string
		language, text string
		// want is what the error says, or nothing.
		want string
		// objects is how many whole ones there are.
		objects int
	}{
		"yaml":          {reason: "two objects", language: "yaml", text: "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b}", objects: 2},
		"yaml-fragment": {reason: "a part of an object is valid as YAML only", language: "yaml", text: "metadata: {labels: {a: b}}"},
		"yaml-twice":    {reason: "a key that is there twice loses one", language: "yaml", text: "a: 1\na: 2", want: "this is no YAML"},
		"json":          {reason: "a comma too many", language: "json", text: `{"a": 1,}`, want: "this is no JSON"},
		"go":            {reason: "statements without a function are fine", language: "go", text: "x := f()\nif x {\n}"},
		"go-broken":     {reason: "a bracket is missing", language: "go", text: "x := f(", want: "this is no Go"},
		"promql":        {reason: "queries are parted by empty lines", language: "promql", text: "sum by (job) (up)\n\nrate(a[5m])"},
		"promql-broken": {reason: "the second one is none", language: "promql", text: "up\n\nrate(a[5m)", want: "this is no PromQL"},
		"text":          {reason: "pictures are not checked", language: "text", text: "a: b: c: ["},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := Fence{Language: tc.language, Lines: strings.Split(tc.text, "\n")}
			err := f.Parse()
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Fatalf("%s: got error %v, want %q", tc.reason, err, tc.want)
			}
			if tc.want != "" {
				return
			}
			objects, err := f.Objects()
			if err != nil || len(objects) != tc.objects {
				t.Errorf("%s: got %d objects and error %v, want %d", tc.reason, len(objects), err, tc.objects)
			}
		})
	}
}

// TestPages says how much of the documentation is run, and leaves a note of what is not
// for the end of make e2e. Pages that share clusters must not get in each other's way.
func TestPages(t *testing.T) {
	root, err := binaries.Root()
	if err != nil {
		t.Fatal(err)
	}
	var all Count
	owners := map[string]string{}
	texts := pages(t, root)
	for _, path := range slices.Sorted(maps.Keys(texts)) {
		page, err := ReadPage(path, texts[path])
		if err != nil {
			continue // the page's own test says it
		}
		count := page.Count()
		all.Blocks += count.Blocks
		all.Commands += count.Commands
		all.LeftOut = append(all.LeftOut, count.LeftOut...)
		for _, claim := range page.Claims() {
			if owner := owners[claim]; owner != "" {
				t.Errorf("%s and %s run at the same time in the same clusters, and both make %s: give it another name in one of them", owner, path, claim)
			}
			owners[claim] = path
		}
	}
	if all.Blocks == 0 {
		t.Error("no page has commands: they were not found")
	}
	note := fmt.Sprintf("docs: %d blocks with %d commands are run, these %d are not:\n%s\n", all.Blocks, all.Commands, len(all.LeftOut), strings.Join(all.LeftOut, "\n"))
	t.Log(note)
	dir := filepath.Join(root, ".cache", "left-out")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "docs"), []byte(note), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestLinks: every link within the checkout leads somewhere.
func TestLinks(t *testing.T) {
	root, err := binaries.Root()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]Page{}
	for path, text := range pages(t, root) {
		all[path], _ = ReadPage(path, text) // what is wrong with its fences its own test says
	}
	links := 0
	for _, page := range all {
		links += len(page.Links)
		if err := page.DeadLinks(root, all); err != nil {
			t.Error(err)
		}
	}
	if links == 0 {
		t.Error("no page has links: they were not found")
	}
}

func TestDeadLinks(t *testing.T) {
	page, err := ReadPage("docs/a.md", "# A title: `x`, of 2\n[a](#a-title-x-of-2) [b](#b) [c](b.md#b) [d](b.md#c) [e](https://example.com/e) [f](f.md)\n```text\n[g](g.md)\n```\n")
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for _, name := range []string{"docs/a.md", "docs/b.md"} {
		if err := os.MkdirAll(filepath.Join(root, "docs"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"docs/a.md:2: docs/a.md has no heading #b", "docs/a.md:2: docs/b.md has no heading #c", "docs/a.md:2: there is no docs/f.md"}
	if err := page.DeadLinks(root, map[string]Page{"docs/a.md": page, "docs/b.md": {Anchors: []string{"b"}}}); !says(err, want) {
		t.Errorf("got %v, want %q", err, want)
	}
}
