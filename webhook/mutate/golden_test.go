package mutate_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/webhook/mutate"
	"github.com/spillway-io/spillway/webhook/stash"
)

// inputs are the files of a case that are read; all others are written by
// -update and compared otherwise.
//
//	namespace.yaml  the namespace, if there is more to it than the name default
//	node.yaml       labels of the virtual node that runs the pod; optional
//	pod.yaml        the pod of the request
//
//	admitted.yaml   the pod as it is admitted
//	downstream.yaml the scheduling fields that its downstream pod gets
//	skipped, denied, warnings   what is said about it
func inputs() []string { return []string{"namespace.yaml", "node.yaml", "pod.yaml"} }

// TestGolden runs every case of testdata twice: admitting the admitted pod again
// must change nothing.
func TestGolden(t *testing.T) {
	update := updateFlag()
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
			got := runCase(t, given)
			if *update {
				if err := os.WriteFile(file, txtar.Format(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(txtar.Format(given)), string(txtar.Format(got))); diff != "" {
				t.Errorf("-want +got (go test ./webhook/mutate -update rewrites it):\n%s", diff)
			}
		})
	}
}

func runCase(t *testing.T, given *txtar.Archive) *txtar.Archive {
	t.Helper()
	in := mutate.Input{Pod: &corev1.Pod{}, Namespace: mutate.Namespace{Name: "default"}, Create: true}
	virtual := stash.VirtualNode{
		Name:        "spillway",
		Labels:      map[string]string{"type": "virtual-kubelet", "kubernetes.io/role": "agent"},
		RoutingKeys: stash.DefaultRoutingKeys(),
	}
	result := &txtar.Archive{Comment: given.Comment}
	for _, name := range inputs() {
		data, ok := find(given, name)
		if !ok {
			continue
		}
		result.Files = append(result.Files, txtar.File{Name: name, Data: data})
		var namespace corev1.Namespace
		var into any
		switch name {
		case "namespace.yaml":
			into = &namespace
		case "node.yaml":
			into = &virtual.Labels
		case "pod.yaml":
			into = in.Pod
		}
		if err := yaml.UnmarshalStrict(data, into); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if name == "namespace.yaml" {
			in.Namespace = mutate.Namespace{Name: namespace.Name, Labels: namespace.Labels}
		}
	}

	policy := mutate.Policy{RoutingKeys: virtual.RoutingKeys, OwnNamespace: "spillway-system"}
	out := mutate.Admit(in, policy)
	add := func(name, text string) {
		if text != "" {
			result.Files = append(result.Files, txtar.File{Name: name, Data: []byte(strings.TrimSuffix(text, "\n") + "\n")})
		}
	}
	switch {
	case out.Denied != nil:
		add("denied", out.Denied.Error())
	case out.Skipped != "":
		add("skipped", string(out.Skipped))
	default:
		add("admitted.yaml", toYAML(t, out.Pod))
		add("downstream.yaml", downstream(t, out.Pod, virtual))
		again := mutate.Admit(mutate.Input{Pod: out.Pod, Namespace: in.Namespace, Create: true}, policy)
		if diff := cmp.Diff(toYAML(t, out.Pod), toYAML(t, again.Pod)); diff != "" || again.Skipped != "" || again.Denied != nil {
			t.Errorf("admitted again, the pod changes (skipped %q, denied %v):\n%s", again.Skipped, again.Denied, diff)
		}
	}
	add("warnings", strings.Join(out.Warnings, "\n"))
	return result
}

func downstream(t *testing.T, admitted *corev1.Pod, virtual stash.VirtualNode) string {
	fields, err := stash.Recover(admitted, virtual)
	if err != nil {
		return fmt.Sprintf("# not run on this virtual node: %v", err)
	}
	return toYAML(t, fields)
}

// updateFlag is looked up rather than declared, since a variable of the package
// would be one that every test could change.
func updateFlag() *bool {
	update := flag.Lookup("update").Value.(flag.Getter).Get().(bool)
	return &update
}

func TestMain(m *testing.M) {
	flag.Bool("update", false, "rewrite the golden cases; read the diff before committing it")
	flag.Parse()
	os.Exit(m.Run())
}

func find(archive *txtar.Archive, name string) ([]byte, bool) {
	for _, file := range archive.Files {
		if file.Name == name {
			return file.Data, true
		}
	}
	return nil, false
}

func toYAML(t *testing.T, v any) string {
	t.Helper()
	text, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
