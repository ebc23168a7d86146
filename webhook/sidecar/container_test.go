package sidecar

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// TestOverlay: what a container has it keeps; what it lacks it gets, at the end.
func TestOverlay(t *testing.T) {
	cases := map[string]struct {
		reason, existing, built, want string
	}{
		"same":    {"nothing to do", `{"name":"a","image":"a:1","env":[{"name":"A"}]}`, `{"name":"a","image":"a:1","env":[{"name":"A"}]}`, `{"name":"a","image":"a:1","env":[{"name":"A"}]}`},
		"changed": {"a mirror, a security context, resources of an autoscaler", `{"name":"a","image":"mirror/a:1","securityContext":{"runAsUser":1},"resources":{"requests":{"cpu":"2"}}}`, `{"name":"a","image":"a:1","resources":{"requests":{"cpu":"1"}},"command":["x"]}`, `{"name":"a","image":"mirror/a:1","securityContext":{"runAsUser":1},"resources":{"requests":{"cpu":"2"}}}`},
		"env":     {"values stay, and the order", `{"name":"a","env":[{"name":"L"},{"name":"A","value":"x"}]}`, `{"name":"a","env":[{"name":"B","value":"2"},{"name":"A","value":"1"}]}`, `{"name":"a","env":[{"name":"L"},{"name":"A","value":"x"},{"name":"B","value":"2"}]}`},
		"mounts":  {"there is one at a path, however it is written", `{"name":"a","volumeMounts":[{"name":"x","mountPath":"/logs/"},{"name":"token","mountPath":"/token"}]}`, `{"name":"a","volumeMounts":[{"name":"y","mountPath":"/logs"},{"name":"y","mountPath":"/more"}]}`, `{"name":"a","volumeMounts":[{"name":"x","mountPath":"/logs/"},{"name":"token","mountPath":"/token"},{"name":"y","mountPath":"/more"}]}`},
		"devices": {"there is one at a path", `{"name":"a","volumeDevices":[{"name":"x","devicePath":"/dev/a"}]}`, `{"name":"a","volumeDevices":[{"name":"y","devicePath":"/dev/a"},{"name":"y","devicePath":"/dev/b"}]}`, `{"name":"a","volumeDevices":[{"name":"x","devicePath":"/dev/a"},{"name":"y","devicePath":"/dev/b"}]}`},
	}
	read := func(text string) (c corev1.Container) {
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			existing, built := read(tc.existing), read(tc.built)
			got := overlay(existing, built)
			if diff := cmp.Diff(read(tc.want), got); diff != "" {
				t.Errorf("%s: -want +got: %s", tc.reason, diff)
			}
			if diff := cmp.Diff(got, overlay(got, built)); diff != "" {
				t.Errorf("%s: again: %s", tc.reason, diff)
			}
			if diff := cmp.Diff(read(tc.existing), existing) + cmp.Diff(read(tc.built), built); diff != "" {
				t.Errorf("%s: an argument was modified: %s", tc.reason, diff)
			}
		})
	}
}

// TestSigned: the sign is there once, and true, whatever the set says.
func TestSigned(t *testing.T) {
	sign := corev1.EnvVar{Name: "IS_INJECTED", Value: "true"}
	a := corev1.EnvVar{Name: "A", Value: "1"}
	cases := map[string]struct{ env, want []corev1.EnvVar }{
		"none":     {nil, []corev1.EnvVar{sign}},
		"others":   {[]corev1.EnvVar{a}, []corev1.EnvVar{a, sign}},
		"there":    {[]corev1.EnvVar{sign, a}, []corev1.EnvVar{a, sign}},
		"false":    {[]corev1.EnvVar{{Name: "IS_INJECTED", Value: "false"}}, []corev1.EnvVar{sign}},
		"computed": {[]corev1.EnvVar{{Name: "IS_INJECTED", ValueFrom: &corev1.EnvVarSource{}}, sign}, []corev1.EnvVar{sign}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, signed(tc.env)); diff != "" {
				t.Errorf("-want +got: %s", diff)
			}
		})
	}
}
