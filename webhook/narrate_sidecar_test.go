package webhook_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	"github.com/prometheus/client_golang/prometheus/testutil"
	admissionv1 "k8s.io/api/admission/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
	"sigs.k8s.io/yaml"

	"github.com/spillway-io/spillway/webhook/sidecar"
)

// known are SidecarSets, as a catalog has them.
type known []*sidecar.Set

func (k known) Sets() []*sidecar.Set { return k }

// compiled reads SidecarSets in YAML; they must be sorted by name.
func compiled(t testing.TB, sets ...string) (all known) {
	t.Helper()
	for _, text := range sets {
		set := &v1alpha1.SidecarSet{}
		if err := yaml.UnmarshalStrict([]byte(text), set); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		all = append(all, sidecar.Compile(set, nil))
	}
	return all
}

// TestHandlerSidecars: what the handler asks, tells and counts when SidecarSets
// are about a pod.
func TestHandlerSidecars(t *testing.T) {
	const (
		owned = `{"metadata":{"labels":{"virtual-pod":"true","app":"web"},"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-1","uid":"1","controller":true}]},"spec":{"containers":[{"name":"app"}]}}`
		bare  = `{"metadata":{"labels":{"virtual-pod":"true","app":"web"}},"spec":{"containers":[{"name":"app"}]}}`

		fits      = `{metadata: {name: fits, uid: u1}, spec: {selector: {matchLabels: {app: web}}, containers: [{name: log, image: "log:1"}]}}`
		clashes   = `{metadata: {name: clashes, uid: u2}, spec: {selector: {matchLabels: {app: web}}, containers: [{name: app, image: "log:1"}]}}`
		of        = `{metadata: {name: of-team}, spec: {namespaceSelector: {matchLabels: {team: a}}, selector: {matchLabels: {app: web}}, containers: [{name: team, image: "log:1"}]}}`
		elsewhere = `{metadata: {name: elsewhere}, spec: {namespaceSelector: {matchLabels: {team: a}}, selector: {matchLabels: {app: db}}, containers: [{name: team, image: "log:1"}]}}`

		without = `A pod in namespace "default" is admitted without SidecarSet "clashes": container "app": the pod has one of this name, which is not the set's`
		warning = `Spillway admitted the pod without SidecarSet "clashes": container "app": the pod has one of this name, which is not the set's`
		moves   = `Spillway cannot tell whether namespace "default" has its pods stay when their virtual node is lost (annotation spillway.io/on-node-loss), so the pod will not: connection refused`
	)
	refused := errors.New("connection refused")
	cases := map[string]struct {
		reason     string
		sets       known
		namespaces namespaceLabels
		pod        string
		dryRun     bool

		denied   bool
		injected []string
		told     []string
		warnings []string
		counted  string
		metric   string
	}{
		"fits": {
			reason: "nothing but the metric tells of what goes as it should",
			sets:   compiled(t, fits), pod: owned, injected: []string{"log"},
			counted: "spillway_sidecars_total{outcome=\"injected\",sidecarset=\"fits\"} 1\n", metric: `outcome="handled",reason=""`,
		},
		"clashes": {
			reason: "the owner, the set, and who creates the pod are told; what fits is in",
			sets:   compiled(t, clashes, fits), pod: owned, injected: []string{"log"}, warnings: []string{warning},
			told:    []string{"ReplicaSet default/web-1: Warning SidecarFailed AdmitWithoutSidecars: " + without, "SidecarSet /clashes: Warning SidecarFailed AdmitWithoutSidecars: " + without},
			counted: "spillway_sidecars_total{outcome=\"failed\",sidecarset=\"clashes\"} 1\nspillway_sidecars_total{outcome=\"injected\",sidecarset=\"fits\"} 1\n", metric: `outcome="failed",reason="sidecar"`,
		},
		"nobodys": {
			reason: "a pod without an owner", sets: compiled(t, clashes), pod: bare, warnings: []string{warning},
			told:    []string{"SidecarSet /clashes: Warning SidecarFailed AdmitWithoutSidecars: " + without},
			counted: "spillway_sidecars_total{outcome=\"failed\",sidecarset=\"clashes\"} 1\n", metric: `outcome="failed",reason="sidecar"`,
		},
		"dry-run": {
			reason: "nobody is told of what did not happen, but for who asked", sets: compiled(t, clashes), pod: owned, dryRun: true, warnings: []string{warning},
			counted: "spillway_sidecars_total{outcome=\"failed\",sidecarset=\"clashes\"} 1\n", metric: `outcome="failed",reason="sidecar"`,
		},
		"skipped": {
			reason: "a pod that did not opt in is not spoken of", sets: compiled(t, clashes, fits), pod: strings.Replace(owned, `"true"`, `"false"`, 1), metric: `outcome="skipped",reason="opted-out"`,
		},
		"namespace": {
			reason: "its labels are asked for because a set selects by them", sets: compiled(t, fits, of), namespaces: namespaceLabels{labels: map[string]string{"team": "a"}}, pod: owned, injected: []string{"log", "team"},
			counted: "spillway_sidecars_total{outcome=\"injected\",sidecarset=\"fits\"} 1\nspillway_sidecars_total{outcome=\"injected\",sidecarset=\"of-team\"} 1\n", metric: `outcome="handled",reason=""`,
		},
		"namespace-unknown": {
			reason: "only the set that asks for the namespace, and that could be about the pod, is left out; the pod is not to blame",
			sets:   compiled(t, elsewhere, fits, of), namespaces: namespaceLabels{err: refused}, pod: owned, injected: []string{"log"},
			warnings: []string{moves, `Spillway admitted the pod without SidecarSet "of-team": spec.namespaceSelector: connection refused`},
			told:     []string{"ReplicaSet default/web-1: Warning SidecarFailed", "SidecarSet /of-team: Warning SidecarFailed"},
			counted:  "spillway_sidecars_total{outcome=\"failed\",sidecarset=\"of-team\"} 1\nspillway_sidecars_total{outcome=\"injected\",sidecarset=\"fits\"} 1\n", metric: `outcome="failed",reason="sidecar"`,
		},
		"namespace-not-asked": {
			reason: "no set asks for labels of namespaces, so none is left out", sets: compiled(t, fits), namespaces: namespaceLabels{err: refused}, pod: owned, injected: []string{"log"},
			warnings: []string{moves},
			counted:  "spillway_sidecars_total{outcome=\"injected\",sidecarset=\"fits\"} 1\n", metric: `outcome="handled",reason=""`,
		},
		"namespace-unknown-of-a-pod-without-label": {
			reason: "whether it opted in depends on the namespace", sets: compiled(t, fits), namespaces: namespaceLabels{err: refused}, pod: strings.Replace(owned, `"virtual-pod":"true",`, "", 1),
			denied: true, metric: `outcome="failed",reason="request"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			handler, registry := newHandler(t, tc.namespaces)
			events := &teller{}
			handler.Sidecars, handler.Events = tc.sets, events
			body := review(t, tc.pod, func(r *admissionv1.AdmissionRequest) { r.DryRun = &tc.dryRun })
			var answer admissionv1.AdmissionReview
			if err := json.Unmarshal(post(&admission.Webhook{Handler: handler}, body).Body.Bytes(), &answer); err != nil {
				t.Fatal(err)
			}
			if answer.Response.Allowed == tc.denied {
				t.Errorf("%s: allowed: %t, %v", tc.reason, answer.Response.Allowed, answer.Response.Result)
			}
			if diff := cmp.Diff(tc.warnings, answer.Response.Warnings); diff != "" {
				t.Errorf("%s: warnings, -want +got: %s", tc.reason, diff)
			}
			if !slices.EqualFunc(events.told, tc.told, strings.HasPrefix) {
				t.Errorf("%s: events, -want +got: %s", tc.reason, cmp.Diff(tc.told, events.told))
			}
			for _, container := range []string{"log", "team"} {
				if in := strings.Contains(string(answer.Response.Patch), `"name":"`+container+`"`); in != slices.Contains(tc.injected, container) {
					t.Errorf("%s: container %q injected: %t; patch %s", tc.reason, container, in, answer.Response.Patch)
				}
			}
			const admissions = "# HELP spillway_admissions_total Pod admissions, by outcome (handled, skipped, denied, failed) and reason.\n# TYPE spillway_admissions_total counter\nspillway_admissions_total{"
			if err := testutil.GatherAndCompare(happened{registry}, strings.NewReader(admissions+tc.metric+"} 1\n"), "spillway_admissions_total"); err != nil {
				t.Error(err)
			}
			if tc.counted != "" {
				tc.counted = "# HELP spillway_sidecars_total Admissions of pods that a SidecarSet is about, by SidecarSet and outcome (injected, failed).\n# TYPE spillway_sidecars_total counter\n" + tc.counted
			}
			if err := testutil.GatherAndCompare(happened{registry}, strings.NewReader(tc.counted), "spillway_sidecars_total"); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestEventsAreNotTooLong: an API server refuses a longer note, and one that is
// cut within a character.
func TestEventsAreNotTooLong(t *testing.T) {
	handler, _ := newHandler(t, namespaceLabels{})
	events := &teller{}
	sets := compiled(t, `{metadata: {name: logs}, spec: {selector: {matchLabels: {app: web}}, containers: [{name: log, image: "log:1"}]}}`)
	sets[0].Err = errors.New(strings.Repeat("ü", 2000))
	for range 2 {
		// One byte more, and the cut is elsewhere.
		sets[0].Err = errors.New("x" + sets[0].Err.Error())
		handler.Sidecars, handler.Events = sets, events
		post(&admission.Webhook{Handler: handler}, review(t, `{"metadata":{"labels":{"virtual-pod":"true","app":"web"}},"spec":{}}`, nil))
	}
	if len(events.told) != 2 {
		t.Fatalf("%d events", len(events.told))
	}
	for _, told := range events.told {
		_, note, _ := strings.Cut(told, "AdmitWithoutSidecars: ")
		if len(note) > 1024 || len(note) < 1000 || strings.ContainsRune(note, '\uFFFD') || !strings.HasSuffix(note, "ü") {
			t.Errorf("%d bytes: %s", len(note), note)
		}
	}
}
