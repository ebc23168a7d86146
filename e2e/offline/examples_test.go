package offline

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"k8s.io/client-go/dynamic"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/e2e/manifest"
	"github.com/spillway-io/spillway/e2e/playground"
)

// compareExamples applies each folder of examples to a namespace of its own, has the
// controllers make the pods, and compares them all with those that the command makes
// of the same files.
func (s *stage) compareExamples(t *testing.T) {
	folders := make(map[string]bool)
	err := filepath.WalkDir("../../docs/examples", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(path)) {
			folders[filepath.Dir(path)] = true
		}
		return err
	})
	if err != nil || len(folders) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) { s.compareExample(t, folder) })
	}
}

func (s *stage) compareExample(t *testing.T, folder string) {
	ctx, cancel := context.WithTimeout(t.Context(), caseTimeout)
	defer cancel()
	namespace := "example-" + filepath.Base(folder)
	for _, client := range []dynamic.Interface{s.inLive, s.inPlain} {
		if err := (&golden{namespace: namespace}).home(ctx, client); err != nil {
			t.Fatal(err)
		}
	}
	replicas := s.apply(ctx, t, folder, namespace)
	stdout, stderr := s.run(ctx, t, "inject", "-f", folder, "-n", namespace, "--replicas", strconv.Itoa(replicas), "-o", "yaml")
	printed, err := manifest.Decode(stdout)
	if err != nil || len(printed) == 0 {
		t.Fatalf("inject printed no pod: %v\n%s", err, stderr)
	}
	var want, got []map[string]any
	for i := range printed {
		defaulted, err := at(s.inPlain, printed[i]).Create(ctx, printed[i], metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, ofAnyWorkload(alike(defaulted)))
	}
	for _, pod := range s.pods(ctx, t, namespace, len(printed)) {
		want = append(want, ofAnyWorkload(alike(&pod)))
	}
	if diff := cmp.Diff(sorted(want), sorted(got)); diff != "" {
		t.Errorf("-live +inject\n%s\n%s", diff, stderr)
	}
	t.Logf("%d pods compared", len(got))
}

// apply brings the objects of an example into the live cluster: first those without
// pods, which the webhook is to know when the first pod comes. It returns the
// replicas of the largest workload.
func (s *stage) apply(ctx context.Context, t *testing.T, folder, namespace string) (replicas int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.y*ml"))
	if err != nil {
		t.Fatal(err)
	}
	var policies, workloads []*unstructured.Unstructured
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		objects, err := manifest.Decode(string(content))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, object := range objects {
			if object.GetKind() != "SidecarSet" {
				object.SetNamespace(namespace)
			}
			if n, found, _ := unstructured.NestedInt64(object.Object, "spec", "replicas"); found {
				workloads, replicas = append(workloads, object), max(replicas, int(n))
				continue
			}
			policies = append(policies, object)
		}
	}
	t.Cleanup(func() { s.forget(t, policies) })
	for _, object := range policies {
		if _, err := create(ctx, s.inLive, object); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.known(ctx, namespace); err != nil {
		t.Fatal(err)
	}
	if err := s.knownSidecars(ctx, namespace); err != nil {
		t.Fatal(err)
	}
	for _, object := range workloads {
		if _, err := create(ctx, s.inLive, object); err != nil {
			t.Fatal(err)
		}
	}
	return replicas
}

// forget removes the SidecarSets, which are in no namespace.
func (s *stage) forget(t *testing.T, policies []*unstructured.Unstructured) {
	for _, object := range policies {
		if object.GetNamespace() != "" {
			continue
		}
		if err := at(s.inLive, object).Delete(context.WithoutCancel(t.Context()), object.GetName(), metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	}
}

// pods waits until there are as many as the command printed.
func (s *stage) pods(ctx context.Context, t *testing.T, namespace string, n int) []unstructured.Unstructured {
	t.Helper()
	var list *unstructured.UnstructuredList
	err := playground.Eventually(ctx, "the controllers have made the pods", func(ctx context.Context) (err error) {
		if list, err = at(s.inLive, made("v1", "Pod", namespace, "any")).List(ctx, metav1.ListOptions{}); err == nil && len(list.Items) != n {
			err = fmt.Errorf("there are %d of %d", len(list.Items), n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// ofAnyWorkload is a pod without what names the one ReplicaSet, or other controller,
// that made it, and the revisions that the live cluster has of SidecarSets: files have
// none.
func ofAnyWorkload(pod map[string]any) map[string]any {
	metadata := objectIn(pod, "metadata")
	delete(metadata, "generateName")
	for _, owner := range listIn(metadata, "ownerReferences") {
		reference, _ := owner.(map[string]any)
		delete(reference, "uid")
		delete(reference, "name")
	}
	if labels := objectIn(metadata, "labels"); labels["pod-template-hash"] != nil {
		labels["pod-template-hash"] = "that of the template"
	}
	for _, record := range objectIn(objectIn(metadata, "annotations"), api.SidecarSetHashAnnotation) {
		if r, ok := record.(map[string]any); ok {
			delete(r, "controllerRevision")
		}
	}
	return pod
}

func sorted(pods []map[string]any) []any {
	list := make([]any, len(pods))
	for i, pod := range pods {
		list[i] = pod
	}
	sortBy(list)
	return list
}
