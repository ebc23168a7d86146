package offline

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// golden is a case of package mutate, as the input of a cluster and of the command.
type golden struct {
	name      string
	namespace string
	// shared says that the namespace is one that every cluster has, whose name
	// matters to the case.
	shared bool
	// pod is the one that is admitted.
	pod *unstructured.Unstructured
	// labels and annotations are the namespace's.
	labels, annotations map[string]string
	// spread is the WorkloadSpread that targets the pod; nil if there is none.
	spread *unstructured.Unstructured
	// subset is the one that the case is about; empty if there is none.
	subset string
	// nodes is the text of the list of nodes.
	nodes              string
	sidecars, revision []*unstructured.Unstructured

	// deployment and replicaSet are what the WorkloadSpread targets, in the live cluster.
	deployment, replicaSet *unstructured.Unstructured
	// earlier are pods that were there before, so that earlier subsets are full.
	earlier []*unstructured.Unstructured
	// refused are the policy objects that the live cluster did not take.
	refused []string
}

// goldens are all cases of package mutate.
func goldens(t *testing.T) []*golden {
	t.Helper()
	files, err := filepath.Glob("../../webhook/mutate/testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	var all []*golden
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, newGolden(t, strings.TrimSuffix(filepath.Base(file), ".txtar"), archive))
	}
	return all
}

func newGolden(t *testing.T, name string, archive *txtar.Archive) *golden {
	t.Helper()
	g := &golden{name: name, namespace: "case-" + name}
	files := make(map[string][]byte)
	for _, file := range archive.Files {
		files[file.Name] = file.Data
	}
	if data, ok := files["namespace.yaml"]; ok {
		given := object(t, name, data, "v1", "Namespace")
		g.labels, g.annotations = given.GetLabels(), given.GetAnnotations()
		if of := given.GetName(); strings.HasPrefix(of, "kube-") || of == "spillway-system" {
			g.namespace, g.shared = of, true
		}
	}
	g.pod = object(t, name, files["pod.yaml"], "v1", "Pod")
	g.pod.SetNamespace(g.namespace)
	g.nodes = string(files["nodes.yaml"])
	var choice struct{ Subset string }
	if err := yaml.Unmarshal(files["choice.yaml"], &choice); err != nil {
		t.Fatalf("%s: choice.yaml: %v", name, err)
	}
	g.subset = choice.Subset
	if data, ok := files["workloadspread.yaml"]; ok {
		g.spread = object(t, name, data, "apps.kruise.io/v1alpha1", "WorkloadSpread")
		g.spread.SetNamespace(g.namespace)
	}
	for document := range bytes.SplitSeq(files["sidecarsets.yaml"], []byte("\n---\n")) {
		if len(document) > 0 {
			g.sidecars = append(g.sidecars, g.sidecarSet(t, document))
		}
	}
	var revisions []map[string]any
	if err := yaml.Unmarshal(files["revisions.yaml"], &revisions); err != nil {
		t.Fatalf("%s: revisions.yaml: %v", name, err)
	}
	for _, content := range revisions {
		revision := &unstructured.Unstructured{Object: content}
		revision.SetAPIVersion("apps/v1")
		revision.SetKind("ControllerRevision")
		revision.SetNamespace("spillway-system")
		g.revision = append(g.revision, revision)
	}
	return g
}

// sidecarSet is one of the case's, whose namespace has another name here.
func (g *golden) sidecarSet(t *testing.T, document []byte) *unstructured.Unstructured {
	t.Helper()
	set := object(t, g.name, document, "apps.kruise.io/v1alpha1", "SidecarSet")
	if in, _, _ := unstructured.NestedString(set.Object, "spec", "namespace"); in == "default" {
		if err := unstructured.SetNestedField(set.Object, g.namespace, "spec", "namespace"); err != nil {
			t.Fatal(err)
		}
	}
	return set
}

func object(t *testing.T, name string, data []byte, apiVersion, kind string) *unstructured.Unstructured {
	t.Helper()
	content := map[string]any{}
	if err := yaml.Unmarshal(data, &content); err != nil {
		t.Fatalf("%s: %s: %v", name, kind, err)
	}
	content["apiVersion"], content["kind"] = apiVersion, kind
	read := &unstructured.Unstructured{Object: content}
	// Through JSON, so that numbers are what dynamic clients expect.
	text, err := read.MarshalJSON()
	if err != nil {
		t.Fatalf("%s: %s: %v", name, kind, err)
	}
	if err := read.UnmarshalJSON(text); err != nil {
		t.Fatalf("%s: %s: %v", name, kind, err)
	}
	return read
}

// workloads are what a WorkloadSpread of a case targets, and what is between that
// and the pod: the golden cases leave out what package mutate does not look at.
func (g *golden) workloads() (deployment, replicaSet *unstructured.Unstructured) {
	const replicaSetName = "web-6d4cf56db6"
	template := map[string]any{
		"metadata": map[string]any{"labels": map[string]any{"app": "web"}},
		"spec":     map[string]any{"containers": []any{map[string]any{"name": "app", "image": "web:1"}}},
	}
	spec := func() map[string]any {
		return map[string]any{
			"replicas": int64(4), "template": template,
			"selector": map[string]any{"matchLabels": map[string]any{"app": "web"}},
		}
	}
	deployment = &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment", "spec": spec(),
		"metadata": map[string]any{"name": "web", "namespace": g.namespace},
	}}
	replicaSet = &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps/v1", "kind": "ReplicaSet", "spec": spec(),
		"metadata": map[string]any{"name": replicaSetName, "namespace": g.namespace, "labels": map[string]any{"app": "web"}},
	}}
	return deployment, replicaSet
}
