package release

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// linked is a program that says that it has libraries, one of them in another's
// stead. What it is itself does not matter.
func linked() Program {
	return Program{
		Path: "sbom_test.go", Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, Revision: "0123abc",
		Committed: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		info: &buildinfo.BuildInfo{
			GoVersion: "go1.26.0",
			Main:      debug.Module{Path: "github.com/spillway-io/spillway", Version: "(devel)"},
			Deps: []*debug.Module{
				{Path: "example.com/z", Version: "v1.0.0", Sum: "h1:zzz="},
				{Path: "example.com/a/v2", Version: "v2.0.0+incompatible", Sum: "h1:aaa="},
				{Path: "example.com/old", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/fork", Version: "v1.0.1", Sum: "h1:fff="}},
			},
		},
	}
}

func TestSBOM(t *testing.T) {
	p := linked()
	sbom, err := SBOM(p, "v1.2.3+dirty")
	if err != nil {
		t.Fatal(err)
	}
	if err := schema(t).Validate(decode(t, sbom)); err != nil {
		t.Errorf("it is no CycloneDX 1.6: %v", err)
	}
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(sbom), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	if got, want := bom.Metadata.Component.PackageURL, "pkg:golang/"+p.info.Main.Path+"@v1.2.3%2Bdirty"; got != want {
		t.Errorf("it is about %s, want %s", got, want)
	}
	var got []string
	for _, component := range *bom.Components {
		said := component.Name + " " + component.Version + " " + component.PackageURL
		if component.Properties != nil {
			said += " " + (*component.Properties)[0].Value
		}
		got = append(got, said)
	}
	want := []string{
		"example.com/a/v2 v2.0.0+incompatible pkg:golang/example.com/a/v2@v2.0.0%2Bincompatible h1:aaa=",
		"example.com/fork v1.0.1 pkg:golang/example.com/fork@v1.0.1 h1:fff=",
		"example.com/z v1.0.0 pkg:golang/example.com/z@v1.0.0 h1:zzz=",
		"stdlib 1.26.0 pkg:golang/stdlib@1.26.0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the modules (-want +got):\n%s", diff)
	}
	if again, err := SBOM(p, "v1.2.3+dirty"); err != nil || !bytes.Equal(again, sbom) {
		t.Errorf("it differs from one run to the next (%v)", err)
	}
}

// A check that lets everything pass shows nothing.
func TestSchemaRefuses(t *testing.T) {
	sbom, err := SBOM(linked(), "v1")
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct{ reason, old, new string }{
		"type":   {"there is no such kind of component", `"type": "library"`, `"type": "book"`},
		"serial": {"a serial number is a UUID", `"urn:uuid:`, `"urn:uuid:x`},
		"field":  {"1.6 knows no such field", `"bomFormat"`, `"format"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			broken := strings.Replace(string(sbom), tc.old, tc.new, 1)
			if err := schema(t).Validate(decode(t, []byte(broken))); err == nil || broken == string(sbom) {
				t.Errorf("%s, but the schema takes it", tc.reason)
			}
		})
	}
}

// schema is that of CycloneDX, as the library comes with it.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	for name, file := range map[string]string{
		"bom-1.6.schema.json": "bom-1.6.schema.json", "spdx.schema.json": "spdx.schema.json", "jsf-0.82.schema.json": "jsf-0.82.schemax.json",
	} {
		content, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "schema", file))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiler.AddResource("http://cyclonedx.org/schema/"+name, decode(t, content)); err != nil {
			t.Fatal(err)
		}
	}
	compiled, err := compiler.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func decode(t *testing.T, content []byte) any {
	t.Helper()
	var value any
	if err := json.Unmarshal(content, &value); err != nil {
		t.Fatal(err)
	}
	return value
}
