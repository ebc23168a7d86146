package chart

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v4/pkg/action"
	"sigs.k8s.io/yaml"
)

const (
	release   = "spillway"
	namespace = "spillway-system"
)

// folder is where the chart is, for what reads it from there.
func folder() string { return filepath.Join("..", "..", "charts", "spillway") }

// variants are the values that users may come with, by name: charts/spillway/ci.
func variants(t *testing.T) map[string]map[string]any {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder(), "ci", "*-values.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no values to render: %v", err)
	}
	all := map[string]map[string]any{"defaults": {}}
	for _, file := range files {
		all[strings.TrimSuffix(filepath.Base(file), "-values.yaml")] = valuesOf(t, file)
	}
	return all
}

func valuesOf(t *testing.T, file string) map[string]any {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]any{}
	if err := yaml.Unmarshal(content, &values); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return values
}

// TestLint: helm finds nothing, be it a warning only.
func TestLint(t *testing.T) {
	for name, values := range variants(t) {
		t.Run(name, func(t *testing.T) {
			lint := action.NewLint()
			lint.Strict, lint.Namespace = true, namespace
			for _, err := range lint.Run([]string{folder()}, values).Errors {
				t.Error(err)
			}
		})
	}
}

// TestMisspeltValues: a value that there is not is refused by its name, and one that
// cannot be by its place.
func TestMisspeltValues(t *testing.T) {
	cases := map[string]struct {
		reason, values string
		want           []string
	}{
		"at-the-top":          {"", `webhok: {replicas: 2}`, []string{"'webhok' not allowed"}},
		"nested":              {"", `webhook: {replica: 2}`, []string{"'/webhook'", "'replica' not allowed"}},
		"nested-deeper":       {"", `certificates: {certManager: {issuer: {name: a}}}`, []string{"'/certificates/certManager'", "'issuer' not allowed"}},
		"reference":           {"", `certificates: {certManager: {issuerRef: {names: a}}}`, []string{"'names' not allowed"}},
		"in-a-list":           {"", `virtualNodes: [{name: a, kubeconfigSecret: {name: b}, replicsa: 2}]`, []string{"'/virtualNodes/0'", "'replicsa' not allowed"}},
		"in-a-list-deeper":    {"", `virtualNodes: [{name: a, kubeconfigSecret: {nam: b}}]`, []string{"'/virtualNodes/0/kubeconfigSecret'", "'nam' not allowed"}},
		"kubernetes-own":      {"what pods are given is checked too", `webhook: {resources: {limit: {memory: 1Gi}}}`, []string{"'/webhook/resources'", "'limit' not allowed"}},
		"toleration":          {"", `node: {tolerations: [{keys: a}]}`, []string{"'/node/tolerations/0'", "'keys' not allowed"}},
		"mode":                {"the error lists what there is", `certificates: {mode: certmanager}`, []string{"'/certificates/mode'", "'self'", "'cert-manager'", "'provided'"}},
		"failure-policy":      {"", `webhook: {failurePolicy: fail}`, []string{"'/webhook/failurePolicy'", "'Fail', 'Ignore'"}},
		"kubelet-certificate": {"", `node: {kubelet: {certificate: signed}}`, []string{"'/node/kubelet/certificate'"}},
		"type":                {"", `webhook: {replicas: "2"}`, []string{"'/webhook/replicas'", "want integer"}},
		"no-webhook":          {"one Deployment without pods is half a webhook", `webhook: {replicas: 0}`, []string{"'/webhook/replicas'"}},
		"no-kubeconfig":       {"", `virtualNodes: [{name: a}]`, []string{"missing property 'kubeconfigSecret'"}},
		"no-type":             {"placement requires the label type", `routingKeys: [clusterID]`, []string{"'/routingKeys'"}},
		"node-name":           {"", `virtualNodes: [{name: East, kubeconfigSecret: {name: b}}]`, []string{"'/virtualNodes/0/name'"}},
		"node-name-twice": {
			"two Deployments for one Node", `virtualNodes: [{name: a, kubeconfigSecret: {name: b}}, {name: a, kubeconfigSecret: {name: b}}]`,
			[]string{`virtualNodes[1].name: "a" is the name of another one too`},
		},
		"no-secret":         {"", `certificates: {mode: provided, caBundle: a}`, []string{"certificates.secretName", "tls.crt"}},
		"no-ca":             {"API servers would trust no webhook", `certificates: {mode: provided, secretName: a}`, []string{"certificates.caBundle", `"a"`}},
		"no-kubelet-secret": {"", `{node: {kubelet: {certificate: files}}, virtualNodes: [{name: a, kubeconfigSecret: {name: b}}]}`, []string{"node.kubelet.secretName"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var values map[string]any
			if err := yaml.Unmarshal([]byte(tc.values), &values); err != nil {
				t.Fatal(err)
			}
			_, err := Render(values, release, namespace)
			if err == nil {
				t.Fatalf("%s: nothing is refused", tc.reason)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s: the error lacks %s: %v", tc.reason, want, err)
				}
			}
		})
	}
}

// TestSchemaIsWhole: the schema has the values of values.yaml and no others, nothing
// in it lets unknown names pass, and every value is explained in both.
func TestSchemaIsWhole(t *testing.T) {
	schema := valuesOf(t, filepath.Join(folder(), "values.schema.json"))
	values := valuesOf(t, filepath.Join(folder(), "values.yaml"))
	text, err := os.ReadFile(filepath.Join(folder(), "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	explained := explanations(string(text))
	var inSchema, inValues []string
	declared(t, schema, "", &inSchema)
	given(values, "", &inValues)
	slices.Sort(inSchema)
	slices.Sort(inValues)
	if diff := cmp.Diff(inValues, slices.DeleteFunc(inSchema, func(value string) bool { return strings.Contains(value, "[]") })); diff != "" {
		t.Errorf("-values.yaml +values.schema.json\n%s", diff)
	}
	for _, value := range inValues {
		if explained[value] == "" {
			t.Errorf("values.yaml does not explain %s", value)
		}
	}
	entries := explained["virtualNodes"]
	for _, value := range inSchema {
		if name, ofEntry := strings.CutPrefix(value, "virtualNodes[]."); ofEntry && !strings.Contains(entries, name[strings.LastIndex(name, ".")+1:]+":") {
			t.Errorf("values.yaml does not explain %s", value)
		}
	}
}

// declared lists the values of a schema that have none below them, and complains of
// those without a description and of objects that take any name.
func declared(t *testing.T, schema map[string]any, at string, into *[]string) {
	t.Helper()
	properties, _ := schema["properties"].(map[string]any)
	if properties != nil && schema["additionalProperties"] != false {
		t.Errorf("the schema lets any name pass in %q", at)
	}
	for name, property := range properties {
		property, isObject := property.(map[string]any)
		value := strings.TrimPrefix(at+"."+name, ".")
		if !isObject || value == "global" { // helm's own, if this is a part of another chart
			continue
		}
		below := property
		if items, ok := property["items"].(map[string]any); ok && value == "virtualNodes" {
			*into = append(*into, value)
			below, value = items, value+"[]"
		}
		if inner, ok := below["properties"].(map[string]any); ok && value != "certificates.certManager.issuerRef" && len(inner) > 0 {
			declared(t, below, value, into)
			continue
		}
		*into = append(*into, value)
		if property["description"] == nil {
			t.Errorf("the schema does not explain %s", value)
		}
	}
}

// given lists the values that have none below them. What the chart hands to
// Kubernetes as it is counts as one.
func given(values map[string]any, at string, into *[]string) {
	for name, value := range values {
		place := strings.TrimPrefix(at+"."+name, ".")
		if inner, ok := value.(map[string]any); ok && len(inner) > 0 && name != "resources" {
			given(inner, place, into)
			continue
		}
		*into = append(*into, place)
	}
}

// explanations are the comments above the values, by the value's place.
func explanations(text string) map[string]string {
	explained := map[string]string{}
	var place []string
	comment := ""
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		name, _, isValue := strings.Cut(trimmed, ":")
		switch {
		case strings.HasPrefix(trimmed, "#"):
			comment += trimmed
		case isValue && !strings.HasPrefix(trimmed, "-"):
			depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2
			place = append(place[:min(depth, len(place))], name)
			explained[strings.Join(place, ".")] = comment
			comment = ""
		default:
			comment = ""
		}
	}
	return explained
}
