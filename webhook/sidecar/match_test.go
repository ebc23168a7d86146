package sidecar_test

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/webhook/sidecar"
)

// TestSelects: which pods a set is about, also where not all is known.
func TestSelects(t *testing.T) {
	const container = ", containers: [{name: log, image: log}]}"
	known := sidecar.Namespace{Name: "default", Labels: map[string]string{"team": "a"}}
	unknown := sidecar.Namespace{Name: "default", Err: errors.New("connection refused")}
	cases := map[string]struct {
		reason, spec string
		namespace    sidecar.Namespace
		want, asks   bool
	}{
		"labels":               {"all namespaces", "{selector: {matchLabels: {app: web}}", known, true, false},
		"other-labels":         {"another value", "{selector: {matchLabels: {app: db}}", known, false, false},
		"no-selector":          {"nobody asked for all pods", "{namespace: default", known, false, false},
		"empty-selector":       {"nor here", "{selector: {}", known, false, false},
		"all-but":              {"not having a label is a requirement, too", "{selector: {matchExpressions: [{key: batch, operator: DoesNotExist}]}", known, true, false},
		"unreadable":           {"nobody can tell whom it is about", "{selector: {matchExpressions: [{key: app, operator: Like, values: [web]}]}", known, false, false},
		"namespace":            {"by name", "{selector: {matchLabels: {app: web}}, namespace: default", known, true, false},
		"other-namespace":      {"by name", "{selector: {matchLabels: {app: web}}, namespace: other", known, false, false},
		"namespace-labels":     {"by labels", "{selector: {matchLabels: {app: web}}, namespaceSelector: {matchLabels: {team: a}}", known, true, true},
		"other-labels-of-ns":   {"by labels", "{selector: {matchLabels: {app: web}}, namespaceSelector: {matchLabels: {team: b}}", known, false, true},
		"both":                 {"the name wins, so labels are not asked for", "{selector: {matchLabels: {app: web}}, namespace: default, namespaceSelector: {matchLabels: {team: b}}", unknown, true, false},
		"unknown-labels":       {"as far as can be told", "{selector: {matchLabels: {app: web}}, namespaceSelector: {matchLabels: {team: a}}", unknown, true, true},
		"unknown-not-asked":    {"nobody asks", "{selector: {matchLabels: {app: web}}", unknown, true, false},
		"unknown-other-pod":    {"it is not about the pod in any case", "{selector: {matchLabels: {app: db}}, namespaceSelector: {matchLabels: {team: a}}", unknown, false, true},
		"namespace-unreadable": {"as little as an unreadable selector of pods", "{selector: {matchLabels: {app: web}}, namespaceSelector: {matchExpressions: [{key: team, operator: Like}]}", known, false, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{}
			pod.Labels = map[string]string{"app": "web"}
			set := sidecar.Compile(parse(t, "spec: "+tc.spec+container), nil)
			if got := set.Selects(pod, tc.namespace); got != tc.want || set.AsksNamespaces() != tc.asks {
				t.Errorf("%s: selects: %t, want %t; asks for namespaces: %t, want %t", tc.reason, got, tc.want, set.AsksNamespaces(), tc.asks)
			}
			if why := set.WhyNot(pod, tc.namespace); (why == "") != tc.want {
				t.Errorf("%s: the reason is %q", tc.reason, why)
			}
		})
	}
}
