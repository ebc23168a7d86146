package sidecar_test

import (
	"testing"

	"github.com/openkruise/kruise-api/apps/v1alpha1"

	"github.com/spillway-io/spillway/webhook/sidecar"
)

func TestConflicts(t *testing.T) {
	const name = "containers: [{name: agent, image: a}]"
	writing := func(policy string) string {
		return selected("patchPodMetadata: [{annotations: {a: '{}'}, patchPolicy: " + policy + "}]")
	}
	cases := map[string]struct {
		reason     string
		set, other string
		want       [][2]string
	}{
		"container":      {"which image?", selected(name), selected(name), refusedFor(invalid, "spec.containers[0].name")},
		"init":           {"which image?", selected("initContainers: [{name: a}]"), selected("initContainers: [{name: a}]"), refusedFor(invalid, "spec.initContainers[0].name")},
		"container-init": {"Kruise does not look; the API server refuses the pods", selected(name), selected("initContainers: [{name: agent, image: a}]"), refusedFor(invalid, "spec.containers[0].name")},
		"init-container": {"the other way round", selected("initContainers: [{name: agent, image: a}]"), selected(name), refusedFor(invalid, "spec.initContainers[0].name")},
		"other-name":     {"side by side", selected(name), selected("containers: [{name: other, image: a}]"), nil},
		"volume":         {"which?", selected("volumes: [{name: a, hostPath: {path: /a}}]"), selected("volumes: [{name: b}, {name: a, hostPath: {path: /b}}]"), refusedFor(invalid, "spec.volumes[0].name")},
		"same-volume":    {"shared on purpose; defaults are no difference", selected("volumes: [{name: a}, {name: b, secret: {secretName: s}}]"), selected("volumes: [{name: a, emptyDir: {}}, {name: b, secret: {secretName: s, defaultMode: 420}}]"), nil},
		"overwrite":      {"the last one would win", writing("Overwrite"), writing("Overwrite"), refusedFor(invalid, inAnnotation+"[a]")},
		"overwritten":    {"who retains gives way, in whichever order they come", writing("Retain"), writing("Overwrite"), nil},
		"overwriting":    {"the other's", writing("Overwrite"), writing("MergePatchJson"), refusedFor(invalid, inAnnotation+"[a]")},
		"retain":         {"the first one wins, as said", writing("Retain"), writing("Retain"), nil},
		"merge":          {"what it is for", writing("MergePatchJson"), writing("MergePatchJson"), nil},
		"other-pods":     {"never the same pod", selected(name), "spec: {selector: {matchLabels: {app: db}}, " + name + "}", nil},
		"paused":         {"it goes on one day", selected(name), selected("injectionStrategy: {paused: true}\n  " + name), refusedFor(invalid, "spec.containers[0].name")},
		"going":          {"it is being deleted", selected(name), "metadata: {deletionTimestamp: '2026-01-01T00:00:00Z'}\n" + selected(name), nil},
		"itself":         {"it is among all sets", selected(name), "metadata: {name: logs}\n" + selected(name), nil},
	}
	for test, tc := range cases {
		t.Run(test, func(t *testing.T) {
			set, other := parse(t, tc.set), parse(t, tc.other)
			if other.Name == "logs" && test != "itself" {
				other.Name = "other"
			}
			compareErrors(t, tc.reason, sidecar.Conflicts(set, []v1alpha1.SidecarSet{*other}), tc.want)
		})
	}
}

// TestOverlap: sets conflict only if some pod is about both, and then in both
// directions.
func TestOverlap(t *testing.T) {
	cases := map[string]struct {
		reason string
		a, b   string
		want   bool
	}{
		"same":              {"the same pods", "selector: {matchLabels: {app: web}}", "selector: {matchLabels: {app: web}}", true},
		"other-keys":        {"a pod can have both labels", "selector: {matchLabels: {app: web}}", "selector: {matchLabels: {tier: front}}", true},
		"other-value":       {"a label has one value", "selector: {matchLabels: {app: web}}", "selector: {matchLabels: {app: db}}", false},
		"narrower":          {"a part of the pods", "selector: {matchLabels: {app: web}}", "selector: {matchLabels: {app: web, tier: front}}", true},
		"one-key-differs":   {"one is enough", "selector: {matchLabels: {app: web, tier: front}}", "selector: {matchLabels: {app: web, tier: back}}", false},
		"in-common":         {"one value in common", "selector: {matchExpressions: [{key: app, operator: In, values: [a, b]}]}", "selector: {matchExpressions: [{key: app, operator: In, values: [b, c]}]}", true},
		"in-disjoint":       {"none in common", "selector: {matchExpressions: [{key: app, operator: In, values: [a, b]}]}", "selector: {matchExpressions: [{key: app, operator: In, values: [c]}]}", false},
		"labels-in":         {"two ways to say it", "selector: {matchLabels: {app: a}}", "selector: {matchExpressions: [{key: app, operator: In, values: [b]}]}", false},
		"not-in-covers":     {"all that one wants the other refuses", "selector: {matchExpressions: [{key: app, operator: In, values: [a, b]}]}", "selector: {matchExpressions: [{key: app, operator: NotIn, values: [a, b, c]}]}", false},
		"not-in-leaves":     {"one is left", "selector: {matchExpressions: [{key: app, operator: In, values: [a, b]}]}", "selector: {matchExpressions: [{key: app, operator: NotIn, values: [a]}]}", true},
		"not-in-both":       {"there are other values", "selector: {matchExpressions: [{key: app, operator: NotIn, values: [a]}]}", "selector: {matchExpressions: [{key: app, operator: NotIn, values: [b]}]}", true},
		"exists-not":        {"there or not", "selector: {matchExpressions: [{key: app, operator: Exists}]}", "selector: {matchExpressions: [{key: app, operator: DoesNotExist}]}", false},
		"in-not":            {"there or not", "selector: {matchLabels: {app: a}}", "selector: {matchExpressions: [{key: app, operator: DoesNotExist}]}", false},
		"not-in-not":        {"a pod without the label is about both", "selector: {matchExpressions: [{key: app, operator: NotIn, values: [a]}]}", "selector: {matchExpressions: [{key: app, operator: DoesNotExist}]}", true},
		"exists-not-in":     {"another value", "selector: {matchExpressions: [{key: app, operator: Exists}]}", "selector: {matchExpressions: [{key: app, operator: NotIn, values: [a]}]}", true},
		"three-lists":       {"two in one selector leave one value, which the other refuses", "selector: {matchExpressions: [{key: app, operator: In, values: [a, b]}, {key: app, operator: In, values: [b, c]}]}", "selector: {matchExpressions: [{key: app, operator: NotIn, values: [b]}]}", false},
		"namespace":         {"a pod is in one", "selector: {matchLabels: {app: a}}, namespace: x", "selector: {matchLabels: {app: a}}, namespace: y", false},
		"same-namespace":    {"the same pods", "selector: {matchLabels: {app: a}}, namespace: x", "selector: {matchLabels: {app: a}}, namespace: x", true},
		"all-namespaces":    {"one of them", "selector: {matchLabels: {app: a}}, namespace: x", "selector: {matchLabels: {app: a}}", true},
		"namespace-by-name": {"the label is the name", "selector: {matchLabels: {app: a}}, namespace: x", "selector: {matchLabels: {app: a}}, namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: y}}", false},
		"namespace-but":     {"all but this one", "selector: {matchLabels: {app: a}}, namespace: x", "selector: {matchLabels: {app: a}}, namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [x]}]}", false},
		"namespace-labels":  {"nobody knows the labels of x", "selector: {matchLabels: {app: a}}, namespace: x", "selector: {matchLabels: {app: a}}, namespaceSelector: {matchLabels: {team: b}}", true},
		"namespaces":        {"disjoint", "selector: {matchLabels: {app: a}}, namespaceSelector: {matchLabels: {team: a}}", "selector: {matchLabels: {app: a}}, namespaceSelector: {matchLabels: {team: b}}", false},
		"namespace-wins":    {"spec.namespace wins over the selector", "selector: {matchLabels: {app: a}}, namespace: x, namespaceSelector: {matchLabels: {team: a}}", "selector: {matchLabels: {app: a}}, namespaceSelector: {matchLabels: {team: b}}", true},
		"empty-namespaces":  {"all of them, if it gets in", "selector: {matchLabels: {app: a}}, namespaceSelector: {}", "selector: {matchLabels: {app: a}}, namespace: x", true},
		"empty":             {"an empty selector selects nothing", "selector: {}", "selector: {matchLabels: {app: a}}", false},
		"none":              {"nor does none", "namespace: x", "selector: {matchLabels: {app: a}}, namespace: x", false},
		"unreadable":        {"nor one that cannot be read", "selector: {matchExpressions: [{key: app, operator: Has}]}", "selector: {matchLabels: {app: a}}", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			a := parse(t, "spec: {containers: [{name: agent, image: a}], "+tc.a+"}")
			b := parse(t, "metadata: {name: other}\nspec: {containers: [{name: agent, image: b}], "+tc.b+"}")
			for direction, errs := range map[string]int{
				"to":   len(sidecar.Conflicts(a, []v1alpha1.SidecarSet{*b})),
				"back": len(sidecar.Conflicts(b, []v1alpha1.SidecarSet{*a})),
			} {
				if got := errs > 0; got != tc.want {
					t.Errorf("%s: %s: overlap %t, want %t", tc.reason, direction, got, tc.want)
				}
			}
		})
	}
}
