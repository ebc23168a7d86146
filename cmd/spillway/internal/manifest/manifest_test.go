package manifest

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestRead(t *testing.T) {
	const a, b = "apiVersion: v1\nkind: A\n", "apiVersion: v1\nkind: B\n"
	cases := map[string]struct {
		reason string
		input  string
		want   []string
	}{
		"empty":          {"no documents", "", nil},
		"comments-only":  {"are no document", "# a\n---\n# b\n---\n", nil},
		"separators":     {"only lines of their own separate", "---\n" + a + "--- # B\n" + b + "text: |\n  ---\n", []string{"1 A", "2 B"}},
		"windows":        {"line ends do not matter", strings.ReplaceAll(a+"---\n"+b, "\n", "\r\n"), []string{"1 A", "2 B"}},
		"on-same-line":   {"a document may start behind the separator", "--- {apiVersion: v1, kind: A}\n---\t\n" + b, []string{"1 A", "2 B"}},
		"not-separators": {"more or fewer dashes", a + "text:\n- --- \n" + "more: ----\n", []string{"1 A"}},
		"json-stream":    {"objects may follow each other", `{"apiVersion":"v1","kind":"A"}{"apiVersion":"v1","kind":"B"}`, []string{"1 A", "2 B"}},
		"json-and-yaml":  {"may be mixed", `{"apiVersion":"v1","kind":"A"}` + "\n---\n" + b, []string{"1 A", "2 B"}},
		"json-escapes":   {"are those of JSON", `{"apiVersion":"v1","kind":"A\ud83d\ude00\/"}`, []string{"1 A😀/"}},
		"list-of-none":   {"is an object like others", "apiVersion: v1\nkind: List\n", []string{"1 List"}},
		"not-a-list":     {"a kind's name alone decides nothing", "apiVersion: v1\nkind: WaitingList\nspec: {}\n", []string{"1 WaitingList"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			objects, err := Read([]string{Stdin}, strings.NewReader(tc.input))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, o := range objects {
				got = append(got, strings.TrimPrefix(o.Position.String(), "-: document ")+" "+o.Kind)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestReadFails(t *testing.T) {
	_, err := Read([]string{"no-such-file"}, nil)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Read: %v, want %v", err, os.ErrNotExist)
	}
	_, err = Read([]string{Stdin}, strings.NewReader("a: b\n---\nkind: [\n"))
	var first *Error
	if !errors.As(err, &first) || first.Field != "apiVersion" || first.Position != (Position{File: Stdin, Document: 1}) {
		t.Errorf("Read: %v, want apiVersion of document 1 first", err)
	}
}

func TestDecodeNamesTheField(t *testing.T) {
	cases := map[string]struct {
		reason string
		spec   string
		want   string
	}{
		"position":     {"in a list", "containers: [{name: a}, {name: [b]}]", "spec.containers[1].name: must be a string, is a list"},
		"first":        {"alphabetically, when several are wrong", "nodeSelector: 1\nhostname: 2", "spec.hostname: must be a string, is the number 2"},
		"inline":       {"in a struct that JSON does not show", "volumes: [{name: a, hostPath: {path: 3}}]", "spec.volumes[0].hostPath.path: must be a string, is the number 3"},
		"pointer":      {"behind a pointer", "securityContext: {runAsNonRoot: 'no'}", `spec.securityContext.runAsNonRoot: must be a boolean, is the string "no"`},
		"too-large":    {"out of range", "priority: 3000000000", "spec.priority: must be a 32-bit integer, is the number 3000000000"},
		"int-or-text":  {"of a type that decodes itself", "containers: [{name: a, livenessProbe: {httpGet: {port: {}}}}]", "spec.containers[0].livenessProbe.httpGet.port: an object does not fit: "},
		"whole-object": {"an item of the wrong kind", "tolerations: [exists]", `spec.tolerations[0]: must be an object, is the string "exists"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			input := "apiVersion: v1\nkind: Pod\nspec:\n  " + strings.ReplaceAll(tc.spec, "\n", "\n  ")
			objects, err := Read([]string{Stdin}, strings.NewReader(input))
			if err != nil {
				t.Fatal(err)
			}
			_, err = objects[0].Decode(&corev1.Pod{})
			if err == nil || !strings.HasPrefix(err.Error(), "-: document 1: "+tc.want) {
				t.Errorf("%s: %v\nwant %s", tc.reason, err, tc.want)
			}
		})
	}
}

func TestContentLeavesOutWhatWasNeverSet(t *testing.T) {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "a", Annotations: map[string]string{"status": "kept"}},
		Spec: corev1.PodSpec{
			Containers:      []corev1.Container{{Name: "main"}},
			SecurityContext: &corev1.PodSecurityContext{},
			Volumes: []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{
				Ephemeral: &corev1.EphemeralVolumeSource{VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{}},
			}}, {Name: "e", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
		},
	}
	got, err := Content(pod)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"metadata": map[string]any{"name": "a", "annotations": map[string]any{"status": "kept"}},
		"spec": map[string]any{
			"containers":      []any{map[string]any{"name": "main"}},
			"securityContext": map[string]any{},
			"volumes": []any{
				map[string]any{"name": "v", "ephemeral": map[string]any{"volumeClaimTemplate": map[string]any{"spec": map[string]any{}}}},
				map[string]any{"name": "e", "emptyDir": map[string]any{}},
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
