package translate_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

var update = flag.Bool("update", false, "rewrite what the golden files want")

const upstreamID = "0b6bd9a0-0000-4000-8000-000000000001"

// TestPod runs every file of testdata: want.yaml is the downstream pod, beside.txt
// what comes with it. It stands for `spillway recover` as much
// as for the virtual node.
func TestPod(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			rules, facts, upstream := readCase(t, archive)
			before := upstream.DeepCopy()
			downstream, notes, err := translate.Pod(upstream, rules, facts)
			got := map[string]string{"want.yaml": render(downstream, notes, err)}
			if err == nil {
				got["beside.txt"] = beside(upstream, rules, notes)
			}
			if diff := cmp.Diff(before, upstream); diff != "" {
				t.Errorf("Pod() modified its argument: -before +after:\n%s", diff)
			}
			compare(t, file, archive, got)
		})
	}
}

// compare compares sections of a golden file, or rewrites them.
func compare(t *testing.T, file string, archive *txtar.Archive, got map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if *update {
			setSection(archive, name, []byte(got[name]))
		} else if diff := cmp.Diff(string(section(archive, name)), got[name]); diff != "" {
			t.Errorf("%s%s: -want +got:\n%s", archive.Comment, name, diff)
		}
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPodSharesNothing: a caller may do with the result what it likes.
func TestPodSharesNothing(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/own-token-and-volumes.txtar")
	if err != nil {
		t.Fatal(err)
	}
	rules, facts, upstream := readCase(t, archive)
	before := upstream.DeepCopy()
	downstream, _, err := translate.Pod(upstream, rules, facts)
	if err != nil {
		t.Fatal(err)
	}
	downstream.Labels["x"] = "y"
	downstream.Spec.Containers[0].Image = "other"
	downstream.Spec.Containers[0].VolumeMounts[0].Name = "other"
	downstream.Spec.HostAliases[0].Hostnames[0] = "other"
	*downstream.Spec.ActiveDeadlineSeconds = 1
	if diff := cmp.Diff(before, upstream); diff != "" {
		t.Errorf("changing the downstream pod changed the upstream one: -before +after:\n%s", diff)
	}
}

// node is node.yaml: the virtual node, and what it knows about downstream.
type node struct {
	Name           string
	Labels         map[string]string
	Namespaces     translate.Namespaces
	SchedulerNames map[string]string
	RuntimeClasses map[string]string
	StorageClasses map[string]string
	Access         translate.Access
	Facts          translate.Facts
}

// readCase reads node.yaml and upstream.yaml.
func readCase(t *testing.T, archive *txtar.Archive) (translate.Rules, translate.Facts, *corev1.Pod) {
	t.Helper()
	var n node
	if err := yaml.UnmarshalStrict(section(archive, "node.yaml"), &n); err != nil {
		t.Fatalf("node.yaml: %v", err)
	}
	upstream := &corev1.Pod{}
	if err := yaml.UnmarshalStrict(section(archive, "upstream.yaml"), upstream); err != nil {
		t.Fatalf("upstream.yaml: %v", err)
	}
	return translate.Rules{
		Identity: translate.Identity{
			UpstreamID: upstreamID, Namespaces: n.Namespaces,
			Node: stash.VirtualNode{Name: n.Name, Labels: n.Labels, RoutingKeys: stash.DefaultRoutingKeys()},
		},
		SchedulerNames: n.SchedulerNames, RuntimeClasses: n.RuntimeClasses, StorageClasses: n.StorageClasses, Access: n.Access,
	}, n.Facts, upstream
}

func render(pod *corev1.Pod, _ []translate.Note, err error) string {
	var unreadable *stash.Error
	var refused *translate.AccessError
	switch {
	case errors.Is(err, stash.ErrNotRouted):
		return "error: not routed\n"
	case errors.As(err, &unreadable):
		return "error: unreadable annotation " + unreadable.Annotation + "\n"
	case errors.As(err, &refused):
		return "error: " + refused.Error() + "\n"
	case err != nil:
		return "error: " + err.Error() + "\n"
	}
	text, err := yaml.Marshal(pod)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	return string(text)
}

// beside is what comes with the pod: notes for its owner, objects that it needs,
// and tokens.
func beside(upstream *corev1.Pod, rules translate.Rules, notes []translate.Note) string {
	var text strings.Builder
	for _, n := range notes {
		fmt.Fprintf(&text, "note %s: %s\n", n.Reason, n.Message)
	}
	for _, r := range translate.References(upstream, rules) {
		fmt.Fprintf(&text, "%s %s", r.Kind, r.Name)
		if r.Downstream != r.Name {
			fmt.Fprintf(&text, " as %s", r.Downstream)
		}
		if r.Optional {
			text.WriteString(", optional")
		}
		if len(r.Keys) > 0 {
			fmt.Fprintf(&text, ", with %s", strings.Join(r.Keys, ", "))
		}
		text.WriteString("\n")
	}
	for _, token := range translate.Tokens(upstream, rules) {
		fmt.Fprintf(&text, "token %s for %q, %d s\n", token.Key, token.Audience, token.ExpirationSeconds)
	}
	return text.String()
}

func section(archive *txtar.Archive, name string) []byte {
	for _, f := range archive.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

// setSection gives a section new data, or removes it with none. A want comes after
// what it is made of.
func setSection(archive *txtar.Archive, name string, data []byte) {
	archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == name })
	if len(data) > 0 {
		archive.Files = append(archive.Files, txtar.File{Name: name, Data: data})
	}
}
