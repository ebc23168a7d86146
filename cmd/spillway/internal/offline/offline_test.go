package offline

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/spillway-io/spillway/cmd/spillway/internal/manifest"
	"github.com/spillway-io/spillway/webhook/mutate"
	"github.com/spillway-io/spillway/webhook/stash"
)

func arrange(t *testing.T, input string) Scene {
	t.Helper()
	objects, err := manifest.Read([]string{manifest.Stdin}, strings.NewReader(input))
	if err != nil {
		t.Fatal(err)
	}
	scene, err := Arrange(objects, Options{Namespace: "default", Replicas: 2})
	if err != nil {
		t.Fatal(err)
	}
	return scene
}

// TestContentAgrees checks that a pod's two forms are one pod: the typed one that
// decisions are made about, and the content that is printed.
func TestContentAgrees(t *testing.T) {
	const spec = `
      futureField: 1
      nodeSelector: {disk: ssd, type: virtual-kubelet}
      initContainers: [{name: first, image: app, resources: {}}]
      containers: [{name: main, image: app, env: [{name: A, value: b}]}]
      volumes: [{name: data, emptyDir: {}}, {name: scratch, emptyDir: {}}]
`
	const template = `
  template:
    metadata: {labels: {virtual-pod: "true"}, annotations: null, futureField: 1}
    spec:` + spec
	cases := map[string]struct {
		reason string
		input  string
		pods   int
	}{
		"pod":            {"as written", "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {virtual-pod: \"true\"}}\nspec:" + spec, 1},
		"pod-no-spec":    {"the patch must not hang in the air", "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {virtual-pod: \"true\"}}", 1},
		"deployment":     {"adds a label and an owner", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:" + template, 2},
		"replicaset":     {"adds an owner", "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: a}\nspec:" + template, 2},
		"daemonset":      {"is skipped", "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: a}\nspec:" + template, 2},
		"statefulset":    {"replaces a volume", "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec:\n  volumeClaimTemplates: [{metadata: {name: data}}]" + template, 2},
		"job":            {"adds a finalizer", "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec:" + template, 2},
		"job-indexed":    {"adds to containers", "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec:\n  completionMode: Indexed\n  completions: 2" + template, 2},
		"cloneset":       {"names its pods", "apiVersion: apps.kruise.io/v1alpha1\nkind: CloneSet\nmetadata: {name: a}\nspec:\n  volumeClaimTemplates: [{metadata: {name: data}}]" + template, 2},
		"advanced":       {"leaves ordinals out", "apiVersion: apps.kruise.io/v1beta1\nkind: StatefulSet\nmetadata: {name: a}\nspec:\n  reserveOrdinals: [1, 3-4]" + template, 2},
		"empty-template": {"gives a pod without a spec", "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: a}", 2},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			scene := arrange(t, tc.input)
			if len(scene.Subjects) != tc.pods {
				t.Fatalf("%s: %d subjects, want %d", tc.reason, len(scene.Subjects), tc.pods)
			}
			policy := mutate.Policy{RoutingKeys: stash.DefaultRoutingKeys()}
			for _, s := range scene.Subjects {
				fromContent, err := typed(s.content)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(s.Pod, fromContent); diff != "" {
					t.Errorf("%s: subject: -typed +content:\n%s", tc.reason, diff)
				}
				result, err := scene.World.Admit(s, policy)
				if err != nil {
					t.Fatal(err)
				}
				admitted, err := typed(result.After)
				if err != nil {
					t.Fatal(err)
				}
				want := *mutate.Admit(mutate.Input{Pod: s.Pod, Namespace: scene.World.namespace("default"), Create: true}, policy).Pod
				want.Name = result.Name
				if diff := cmp.Diff(&want, admitted); diff != "" {
					t.Errorf("%s: admitted: -typed +content:\n%s", tc.reason, diff)
				}
			}
		})
	}
}

func TestOrdinalAt(t *testing.T) {
	reserved := []intstr.IntOrString{intstr.FromInt32(1), intstr.FromString("3-4"), intstr.FromString("7"), intstr.FromString("x")}
	cases := map[string]struct {
		reason   string
		start    int
		reserved []intstr.IntOrString
		want     []int
	}{
		"none":  {"counts from the first", 5, nil, []int{5, 6, 7, 8}},
		"some":  {"numbers and ranges are left out, and what is neither has no effect", 0, reserved, []int{0, 2, 5, 6, 8}},
		"start": {"the first ordinal itself can be reserved", 3, reserved, []int{5, 6, 8}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got []int
			for i := range tc.want {
				got = append(got, ordinalAt(i, tc.start, tc.reserved))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
