package explain

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/cmd/spillway/internal/terminal"
)

func TestMain(m *testing.M) {
	flag.Bool("update", false, "rewrite the golden cases; read the diff before committing it")
	flag.Parse()
	os.Exit(m.Run())
}

// TestGolden judges the facts of each case, and compares what a person reads.
func TestGolden(t *testing.T) {
	update := flag.Lookup("update").Value.(flag.Getter).Get().(bool)
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			given, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(bytes.TrimSpace(given.Comment)) == 0 {
				t.Errorf("the case does not say why it is there")
			}
			facts := factsOf(t, given)
			before := inJSON(t, facts)
			got := &txtar.Archive{Comment: given.Comment, Files: []txtar.File{given.Files[0], {Name: "want.txt", Data: []byte(Judge(facts).text(terminal.Palette{}))}}}
			if diff := cmp.Diff(before, inJSON(t, facts)); diff != "" {
				t.Errorf("the facts were modified:\n%s", diff)
			}
			if update {
				if err := os.WriteFile(file, txtar.Format(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(txtar.Format(given)), string(txtar.Format(got))); diff != "" {
				t.Errorf("-want +got (go test ./cmd/spillway/internal/explain -update rewrites it):\n%s", diff)
			}
		})
	}
}

// factsOf are those of the first file.
func factsOf(t *testing.T, given *txtar.Archive) Facts {
	t.Helper()
	var facts Facts
	if len(given.Files) == 0 || given.Files[0].Name != "facts.yaml" {
		t.Fatal("the first file is not facts.yaml")
	}
	if err := yaml.UnmarshalStrict(given.Files[0].Data, &facts); err != nil {
		t.Fatal(err)
	}
	return facts
}

// TestMachines: what programs read is the same in both formats, and can be read back.
func TestMachines(t *testing.T) {
	given, err := txtar.ParseFile("testdata/pod-on-virtual-node.txtar")
	if err != nil {
		t.Fatal(err)
	}
	explanation := Judge(factsOf(t, given))
	var read [2]Explanation
	for i, format := range []string{"json", "yaml"} {
		var out bytes.Buffer
		if err := explanation.Write(&out, format); err != nil {
			t.Fatal(err)
		}
		if err := yaml.UnmarshalStrict(out.Bytes(), &read[i]); err != nil {
			t.Fatalf("%s: %v", format, err)
		}
	}
	if diff := cmp.Diff(inJSON(t, read[0]), inJSON(t, read[1])); diff != "" {
		t.Errorf("-json +yaml:\n%s", diff)
	}
	if diff := cmp.Diff(inJSON(t, explanation), inJSON(t, read[0])); diff != "" {
		t.Errorf("-written +read:\n%s", diff)
	}
}

func inJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
