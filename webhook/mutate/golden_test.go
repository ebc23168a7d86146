package mutate_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	"github.com/rogpeppe/go-internal/txtar"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/webhook/mutate"
	"github.com/spillway-io/spillway/webhook/spread"
	"github.com/spillway-io/spillway/webhook/stash"
)

// inputs are the files of a case that are read; all others are written by
// -update and compared otherwise.
//
//	namespace.yaml       the namespace, if there is more to it than the name default
//	node.yaml            labels of the virtual node that runs the pod; optional
//	nodes.yaml           metadata of the cluster's nodes, of which the WorkloadSpread knows; optional
//	workloadspread.yaml  the WorkloadSpread that targets the pod; optional
//	choice.yaml          what was chosen: subset and uid, or a message or error why there is no subset
//	sidecarsets.yaml     the SidecarSets, in any order; optional
//	revisions.yaml       ControllerRevisions of SidecarSets; optional
//	pod.yaml             the pod of the request
//
//	virtual              the subsets that mean virtual nodes, and what is said about that
//	admitted.yaml        the pod as it is admitted
//	downstream.yaml      the scheduling fields that its downstream pod gets, if it is sent to a virtual node
//	sidecars             the SidecarSets that are in the pod, and why others are not
//	skipped, denied, spread-failed, warnings   what is said about it
func inputs() []string {
	return []string{"namespace.yaml", "node.yaml", "nodes.yaml", "workloadspread.yaml", "choice.yaml", "sidecarsets.yaml", "revisions.yaml", "pod.yaml"}
}

// choice is what stands for the choosing of a subset.
type choice struct {
	Subset, UID, Message, Error string
}

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
	var (
		pod       corev1.Pod
		namespace = corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
		metadata  []metav1.ObjectMeta
		ws        v1alpha1.WorkloadSpread
		chosen    choice
		revisions []*appsv1.ControllerRevision
	)
	virtual := stash.VirtualNode{
		Name:        "spillway",
		Labels:      map[string]string{"type": "virtual-kubelet", "kubernetes.io/role": "agent"},
		RoutingKeys: stash.DefaultRoutingKeys(),
	}
	into := map[string]any{
		"namespace.yaml": &namespace, "node.yaml": &virtual.Labels, "nodes.yaml": &metadata,
		"workloadspread.yaml": &ws, "choice.yaml": &chosen, "revisions.yaml": &revisions, "pod.yaml": &pod,
	}
	result := &txtar.Archive{Comment: given.Comment}
	for _, name := range inputs() {
		data, ok := find(given, name)
		if !ok {
			continue
		}
		result.Files = append(result.Files, txtar.File{Name: name, Data: data})
		if name == "sidecarsets.yaml" {
			continue // read with the revisions
		}
		if err := yaml.UnmarshalStrict(data, into[name]); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	add := func(name, text string) {
		if text != "" {
			result.Files = append(result.Files, txtar.File{Name: name, Data: []byte(strings.TrimSuffix(text, "\n") + "\n")})
		}
	}

	in := mutate.Input{
		Pod: &pod, Namespace: mutate.Namespace{Name: namespace.Name, Labels: namespace.Labels, Annotations: namespace.Annotations}, Create: true,
		Sidecars: sidecarSets(t, given, revisions), Key: "a-request", Now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	if ws.Name != "" {
		var nodes []*corev1.Node
		for _, node := range metadata {
			nodes = append(nodes, &corev1.Node{ObjectMeta: node})
		}
		subsets, warnings := spread.VirtualSubsets(&ws, nodes)
		add("virtual", strings.Join(append(slices.Sorted(maps.Keys(subsets)), warnings...), "\n"))
		in.Spread = decision(t, &ws, subsets, chosen)
	}
	policy := mutate.Policy{RoutingKeys: virtual.RoutingKeys, OwnNamespace: "spillway-system"}
	out := mutate.Admit(in, policy)
	switch {
	case out.Denied != nil:
		add("denied", out.Denied.Error())
	case out.Skipped != "":
		add("skipped", string(out.Skipped))
	default:
		add("admitted.yaml", toYAML(t, out.Pod))
		if in.Spread == nil || in.Spread.Virtual && out.SpreadFailed == nil {
			add("downstream.yaml", downstream(t, out.Pod, virtual))
		}
		add("sidecars", sidecarsOf(out))
		in.Pod, in.Now = out.Pod, in.Now.Add(time.Hour)
		again := mutate.Admit(in, policy)
		if diff := cmp.Diff(toYAML(t, out.Pod), toYAML(t, again.Pod)); diff != "" || again.Skipped != "" || again.Denied != nil {
			t.Errorf("admitted again, the pod changes (skipped %q, denied %v):\n%s", again.Skipped, again.Denied, diff)
		}
		if diff := cmp.Diff(sidecarsOf(out), sidecarsOf(again)); diff != "" {
			t.Errorf("admitted again, the pod has other sidecars:\n%s", diff)
		}
	}
	if out.SpreadFailed != nil {
		add("spread-failed", out.SpreadFailed.Error())
	}
	add("warnings", strings.Join(out.Warnings, "\n"))
	return result
}

func decision(t *testing.T, ws *v1alpha1.WorkloadSpread, virtual map[string]bool, chosen choice) *spread.Decision {
	t.Helper()
	d := &spread.Decision{Spread: ws, UID: chosen.UID, Virtual: virtual[chosen.Subset], Reason: spread.First, Message: chosen.Message}
	for i := range ws.Spec.Subsets {
		if ws.Spec.Subsets[i].Name == chosen.Subset {
			d.Subset = &ws.Spec.Subsets[i]
		}
	}
	switch {
	case d.Subset == nil && chosen.Subset != "":
		t.Fatalf("choice.yaml: there is no subset %q", chosen.Subset)
	case chosen.Error != "":
		d.Reason, d.Err = spread.Failed, errors.New(chosen.Error)
	case d.Subset == nil:
		d.Reason = spread.NoSubset
	}
	return d
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
