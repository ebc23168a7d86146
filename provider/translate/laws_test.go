package translate_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/translate"
)

// TestStatusOfWholePods runs every file of testdata/status: the way back.
func TestStatusOfWholePods(t *testing.T) {
	files, err := filepath.Glob("testdata/status/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			upstream, downstream := &corev1.Pod{}, &corev1.Pod{}
			for name, pod := range map[string]*corev1.Pod{"upstream.yaml": upstream, "downstream.yaml": downstream} {
				if err := yaml.UnmarshalStrict(section(archive, name), pod); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
			text, err := yaml.Marshal(translate.Status(upstream, downstream, internalIP))
			if err != nil {
				t.Fatal(err)
			}
			compare(t, file, archive, map[string]string{"want.yaml": string(text)})
		})
	}
}

// TestLaws: no function modifies its arguments, the same arguments give the same
// result, and a downstream pod as it was made has nothing to follow but what a new
// pod cannot have.
func TestLaws(t *testing.T) {
	everyWorld(t, func(t *testing.T, upstream *corev1.Pod, rules translate.Rules, facts translate.Facts) {
		before := upstream.DeepCopy()
		downstream, notes, err := translate.Pod(upstream, rules, facts)
		if err != nil {
			t.Fatal(err)
		}
		again, notesAgain, err := translate.Pod(upstream, rules, facts)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "Pod", downstream, again)
		same(t, "notes of Pod", notes, notesAgain)
		same(t, "References", translate.References(upstream, rules), translate.References(upstream, rules))
		same(t, "Tokens", translate.Tokens(upstream, rules), translate.Tokens(upstream, rules))

		made := downstream.DeepCopy()
		change := translate.Follow(upstream, downstream, rules)
		if change != nil && (change.Spec != nil || change.Resources != nil || change.Metadata.Labels != nil || change.Metadata.Annotations != nil) {
			t.Errorf("a pod as it was made is to follow %+v", change)
		}
		if change != nil && len(change.EphemeralContainers) != len(upstream.Spec.EphemeralContainers) {
			t.Errorf("%d ephemeral containers follow", len(change.EphemeralContainers))
		}
		reported := reportOn(upstream)
		reportedBefore := reported.DeepCopy()
		same(t, "Status", translate.Status(upstream, reported, internalIP), translate.Status(upstream, reported, internalIP))
		for _, argument := range [][2]*corev1.Pod{{before, upstream}, {made, downstream}, {reportedBefore, reported}} {
			if diff := cmp.Diff(argument[0], argument[1]); diff != "" {
				t.Errorf("an argument was modified: -before +after:\n%s", diff)
			}
		}
	})
}

func same(t *testing.T, what string, first, second any) {
	t.Helper()
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("%s differs the second time: -first +second:\n%s", what, diff)
	}
}

func TestAccessMode(t *testing.T) {
	const up, down, none = translate.AccessUpstream, translate.AccessDownstream, translate.AccessNone
	cases := map[string]struct {
		reason     string
		allowed    []translate.AccessMode
		annotation string
		want       translate.AccessMode
		refused    bool
	}{
		"nothing-said":    {reason: "no credentials by default", want: none},
		"the-first":       {reason: "the node's default is its first mode", allowed: []translate.AccessMode{up, none}, want: up},
		"chosen":          {reason: "a pod chooses among those allowed", allowed: []translate.AccessMode{up, down}, annotation: "downstream", want: down},
		"not-allowed":     {reason: "and only among those", allowed: []translate.AccessMode{none, down}, annotation: "upstream", refused: true},
		"not-even-listed": {reason: "a node that allows nothing allows none", annotation: "none", want: none},
		"unknown":         {reason: "a word that means nothing is not a mode", allowed: []translate.AccessMode{none, "all"}, annotation: "all", refused: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			upstream := pod()
			if tc.annotation != "" {
				upstream.Annotations = map[string]string{api.APIAccessAnnotation: tc.annotation}
			}
			access := translate.Access{Modes: tc.allowed}
			got, err := access.Mode(upstream)
			if refused, ok := errors.AsType[*translate.AccessError](err); ok != tc.refused || (ok && refused.Value != tc.annotation) {
				t.Errorf("%s: Mode() error %v", tc.reason, err)
			}
			if got != tc.want {
				t.Errorf("%s: Mode() = %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}

// TestMadeFor: the tokens of a running pod are kept fresh though the default, or
// the pod's annotation, is another one by now.
func TestMadeFor(t *testing.T) {
	rules := randomRules(translate.AccessUpstream, translate.Namespaces{})
	upstream := pod(func(p *corev1.Pod) { p.Spec.Volumes = []corev1.Volume{admittedToken()} })
	downstream, _, err := translate.Pod(upstream, rules, translate.Facts{})
	if err != nil {
		t.Fatal(err)
	}
	rules.Access.Modes = []translate.AccessMode{translate.AccessNone}
	upstream.Annotations = map[string]string{api.APIAccessAnnotation: "none"}
	want := []translate.Token{{Key: "kube-api-access-x.0", ExpirationSeconds: 3600}}
	if diff := cmp.Diff(want, translate.Tokens(upstream, rules.MadeFor(downstream))); diff != "" {
		t.Errorf("Tokens() of a running pod: -want +got:\n%s", diff)
	}
	if tokens := translate.Tokens(upstream, rules); tokens != nil {
		t.Errorf("Tokens() of a new pod = %v", tokens)
	}
	upstream.Spec.EphemeralContainers = []corev1.EphemeralContainer{debugger("one")}
	change := translate.Follow(upstream, downstream, rules)
	if change == nil || len(change.EphemeralContainers) != 1 || len(change.EphemeralContainers[0].VolumeMounts) != 2 {
		t.Errorf("Follow() = %+v, want a container with the token's volume", change)
	}
	downstream.Annotations = nil
	if tokens := translate.Tokens(upstream, rules.MadeFor(downstream)); tokens != nil {
		t.Errorf("Tokens() of a pod that says nothing = %v", tokens)
	}
}
