package sidecar_test

import (
	"strings"
	"testing"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/webhook/sidecar"
)

// parse reads a SidecarSet as a user writes one; metadata may be left out.
func parse(t testing.TB, text string) *v1alpha1.SidecarSet {
	t.Helper()
	set := &v1alpha1.SidecarSet{}
	set.Name = "logs"
	if err := yaml.UnmarshalStrict([]byte(text), set); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return set
}

// TestHash: what Kruise computes. The first three are of its own code.
func TestHash(t *testing.T) {
	const (
		one    = "spec: {containers: [{name: container1, image: test-image}]}"
		native = `
spec:
  containers: [{name: container1, image: test-image}]
  initContainers: [{name: container1, image: test-image, restartPolicy: Always}]`
		oneHash    = "w26c4x8fz245642fdv499b464248f974xddx4x55z5dw55bc6x66464fxz77dc78"
		withoutOne = "8wzddb4dvv9c6x8zdc77z4z75987424f457dfv6724ddw6zbdx467wz5x24fc759"
	)
	cases := map[string]struct{ reason, set, hash, withoutImage string }{
		"container":   {"Kruise's own values", one, oneHash, withoutOne},
		"native":      {"a sidecar of the kind that Kubernetes knows", native, "4xwx4d4844vd4v9x79wb4xbxf4xb29475cc4446v8cz2c2f2f5c5bw448vd42z8w", ""},
		"plain-init":  {"it never runs beside the app", strings.Replace(one, "{containers", "{initContainers: [{name: init, image: busybox}], containers", 1), oneHash, withoutOne},
		"other-image": {"only the image", strings.Replace(one, "test-image", "other", 1), "", withoutOne},
		"more": {
			"strategies, volumes, secrets and annotations make no pod outdated", `
metadata: {annotations: {kruise.io/sidecarset-hash: stale}}
spec:
  selector: {matchLabels: {app: web}}
  containers: [{name: container1, image: test-image}]
  initContainers: [{name: prepare, image: busybox}]
  volumes: [{name: logs}]
  imagePullSecrets: [{name: pull}]
  updateStrategy: {paused: true}
  patchPodMetadata: [{annotations: {a: b}}]`, oneHash, withoutOne,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			set := parse(t, tc.set)
			if got := sidecar.Hash(set); tc.hash != "" && got != tc.hash {
				t.Errorf("%s: hash %s, want %s", tc.reason, got, tc.hash)
			}
			if got := sidecar.HashWithoutImage(set); tc.withoutImage != "" && got != tc.withoutImage {
				t.Errorf("%s: hash without image %s, want %s", tc.reason, got, tc.withoutImage)
			}
			if tc.hash == "" && sidecar.Hash(set) == oneHash {
				t.Errorf("%s: the hash stays", tc.reason)
			}
			if len(set.Spec.Containers) > 0 && set.Spec.Containers[0].Image == "" {
				t.Errorf("%s: the input was modified", tc.reason)
			}
		})
	}
}
