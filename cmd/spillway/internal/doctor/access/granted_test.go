package access

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway-io/spillway/charts"
)

var update = flag.Bool("update", false, "render the chart's roles again; read the diff before committing it")

// TestGranted: for every value that the chart's roles depend on, the files hold what its
// templates come to. make golden writes them.
func TestGranted(t *testing.T) {
	stands := Installed{FullName: standsForFullName, Namespace: standsForNamespace, CertificateSecret: standsForCertificateSecret}
	read := map[string]bool{}
	for _, mode := range choices(t, "certificates", "mode") {
		for _, kubelet := range choices(t, "node", "kubelet", "certificate") {
			for _, component := range []string{"webhook", "node"} {
				in := stands
				in.CertificateMode, in.KubeletCertificate = mode, kubelet
				file := filepath.Join("granted", grantedFile(component, in))
				read[file] = true
				want := render(t, component, in)
				if *update {
					if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				got, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, string(got)); diff != "" {
					t.Errorf("%s, certificates %s, kubelet %s: -want +got:\n%s", component, mode, kubelet, diff)
				}
			}
		}
	}
	there, err := filepath.Glob(filepath.Join("granted", "*"))
	if err != nil || len(there) != len(read) {
		t.Errorf("of %v only %v are read (%v)", there, read, err)
	}
}

// choices are what the chart's schema lets one of its values be.
func choices(t *testing.T, value ...string) []string {
	t.Helper()
	content, err := charts.Spillway.ReadFile("spillway/values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Enum       []string
		Properties map[string]json.RawMessage
	}
	for _, name := range value {
		if err := json.Unmarshal(content, &schema); err != nil {
			t.Fatal(err)
		}
		content = schema.Properties[name]
	}
	if err := json.Unmarshal(content, &schema); err != nil || len(schema.Enum) < 2 {
		t.Fatalf("what %v may be is %q (%v)", value, schema.Enum, err)
	}
	return schema.Enum
}

// render renders the roles in the chart with the few functions that they use: Helm's own
// come with the whole of Helm.
func render(t *testing.T, component string, in Installed) string {
	t.Helper()
	content, err := charts.Spillway.ReadFile("spillway/templates/" + component + "/rbac.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := template.New(component).Option("missingkey=error").Funcs(template.FuncMap{
		"include": func(name string, _ any) (string, error) {
			switch name {
			case "spillway.fullname":
				return in.FullName, nil
			case "spillway.certificateSecret":
				return in.CertificateSecret, nil
			case "spillway.labels":
				return "app.kubernetes.io/name: spillway", nil
			default:
				return "", fmt.Errorf("unknown template %q", name)
			}
		},
		"nindent": func(n int, text string) string { return "\n" + strings.Repeat(" ", n) + text },
		"list":    func(all ...any) []any { return all },
	}).Parse(string(content))
	if err != nil {
		t.Fatal(err)
	}
	var manifest strings.Builder
	err = rendered.Execute(&manifest, map[string]any{
		"Release": map[string]any{"Namespace": in.Namespace},
		"Values": map[string]any{
			"certificates": map[string]any{"mode": in.CertificateMode},
			"node":         map[string]any{"kubelet": map[string]any{"certificate": in.KubeletCertificate}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return manifest.String()
}
