package sidecar

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
)

// TestReferences: Kubernetes' syntax of variables in other values.
func TestReferences(t *testing.T) {
	cases := map[string]struct {
		expression string
		want       []string
	}{
		"none":                   {"plain", nil},
		"empty":                  {"", nil},
		"one":                    {"$(A)", []string{"A"}},
		"several":                {"x/$(A)-$(B)/$(A)", []string{"A", "B", "A"}},
		"escaped":                {"$$(A)", nil},
		"escaped-and-not":        {"$$$(A)", []string{"A"}},
		"twice-escaped":          {"$$$$(A)", nil},
		"not-closed":             {"$(A", nil},
		"not-closed-before-one":  {"$(A$(B)", []string{"A$(B"}},
		"shell-is-another-thing": {"${A} $A $", nil},
		"dollar-before":          {"$x$(A)", []string{"A"}},
		"nameless":               {"$()", []string{""}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, references(tc.expression)); diff != "" {
				t.Errorf("%s: -want +got: %s", tc.expression, diff)
			}
		})
	}
}

// TestExpandedBy: an expression takes along what it needs, and no more.
func TestExpandedBy(t *testing.T) {
	variables := func(text string) (env []corev1.EnvVar) {
		for pair := range strings.FieldsSeq(text) {
			name, value, _ := strings.Cut(pair, "=")
			env = append(env, corev1.EnvVar{Name: name, Value: value})
		}
		return env
	}
	cases := map[string]struct {
		reason, expression, env, want, missing string
	}{
		"nothing":    {"most mounts have none", "", "A=1", "", ""},
		"one":        {"and not the others", "$(B)", "A=1 B=2 C=3", "B=2", ""},
		"transitive": {"in the order of env, in which Kubernetes expands", "$(C)/$(A)", "A=1 B=$(A) C=$(B) D=$(C)", "A=1 B=$(A) C=$(B)", ""},
		"later":      {"a value refers to what comes before it; what comes later it does not get", "$(A)", "A=$(B) B=2", "A=$(B)", ""},
		"escaped":    {"it is text", "$(A)", "B=1 A=$$(B)", "A=$$(B)", ""},
		"itself":     {"it is text, too", "$(A)", "A=$(A)", "A=$(A)", ""},
		"missing":    {"envFrom may have it", "$(A)-$(X)", "A=1", "A=1", "X"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, missing := expandedBy(tc.expression, variables(tc.env))
			if diff := cmp.Diff(variables(tc.want), got); diff != "" || missing != tc.missing {
				t.Errorf("%s: missing %q, want %q; -want +got: %s", tc.reason, missing, tc.missing, diff)
			}
		})
	}
}

// TestTokenMount: what an API server would mount into sidecars they have already, so
// that it does not ask about the pod again.
func TestTokenMount(t *testing.T) {
	pod := func(edit func(*corev1.Pod)) *corev1.Pod {
		pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{
			{Name: "plain"},
			{Name: "app", VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/data"}, {Name: "kube-api-access-x7c2p", MountPath: tokenPath, ReadOnly: true}}},
		}}}
		edit(pod)
		return pod
	}
	token := []corev1.VolumeMount{{Name: "kube-api-access-x7c2p", MountPath: tokenPath, ReadOnly: true}}
	cases := map[string]struct {
		reason string
		edit   func(*corev1.Pod)
		own    []corev1.VolumeMount
		want   []corev1.VolumeMount
	}{
		"usual":      {"the API server mounts it into all containers", func(*corev1.Pod) {}, nil, token},
		"own":        {"what the sidecar has there stays", func(*corev1.Pod) {}, []corev1.VolumeMount{{Name: "mine", MountPath: tokenPath}}, []corev1.VolumeMount{{Name: "mine", MountPath: tokenPath}}},
		"none":       {"the app has none either", func(p *corev1.Pod) { p.Spec.Containers = p.Spec.Containers[:1] }, nil, nil},
		"not wanted": {"the pod says that it wants none", func(p *corev1.Pod) { p.Spec.AutomountServiceAccountToken = new(false) }, nil, nil},
		"by hand":    {"what users mount there is for the app", func(p *corev1.Pod) { p.Spec.Containers[1].VolumeMounts[1].Name = "token" }, nil, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			sidecar := &v1alpha1.SidecarContainer{Container: corev1.Container{Name: "log", VolumeMounts: tc.own}}
			built := newDraft(pod(tc.edit), Record{}, nil).build(&Set{Object: &v1alpha1.SidecarSet{}}, sidecar)
			if diff := cmp.Diff(tc.want, built.VolumeMounts, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
