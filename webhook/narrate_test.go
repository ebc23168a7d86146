package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	"github.com/prometheus/client_golang/prometheus/testutil"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/spillway-io/spillway/webhook/spread"
)

// chooser decides for every pod in the same way, and counts how often it is
// asked.
type chooser struct {
	decision *spread.Decision
	asked    int
	dryRuns  int
}

func (c *chooser) Decide(_ context.Context, _ string, _ *corev1.Pod, _ types.UID, dryRun bool) *spread.Decision {
	c.asked++
	if dryRun {
		c.dryRuns++
	}
	return c.decision
}

// teller keeps what is told of whom.
type teller struct{ told []string }

func (t *teller) Eventf(regarding, _ runtime.Object, kind, reason, action, note string, args ...any) {
	about := regarding.(*corev1.ObjectReference)
	whom := about.Kind + " " + about.Namespace + "/" + about.Name
	t.told = append(t.told, fmt.Sprintf("%s: %s %s %s: %s", whom, kind, reason, action, fmt.Sprintf(note, args...)))
}

// TestHandlerSpreads: what the handler asks, tells and counts when a
// WorkloadSpread targets a pod.
func TestHandlerSpreads(t *testing.T) {
	const optedIn = `{"metadata":{"labels":{"virtual-pod":"true"},"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-1","uid":"1","controller":true}]},"spec":{"containers":[{"name":"app"}]}}`
	chosen := benchDecision("", false)
	chosen.Reason, chosen.Message = spread.Spilled, `subset "common" of WorkloadSpread "web": own is full (2 of 2)`
	chosen.Warnings = []string{"a doubtful term"}
	badPatch := benchDecision(`{"spec":7}`, false)
	none := &spread.Decision{Spread: chosen.Spread, Reason: spread.NoSubset, Message: "no subset has room"}
	kept := benchDecision("", false)
	kept.Reason = spread.Kept
	unreadable := &spread.Decision{Reason: spread.Failed, Err: errors.New("cannot read the owner")}

	cases := map[string]struct {
		decision *spread.Decision
		pod      string
		dryRun   bool
		asked    int
		told     []string
		metric   string
		warning  string
		placed   bool
	}{
		"chosen": {
			decision: chosen, pod: optedIn, asked: 1, placed: true, metric: `outcome="handled",reason=""`, warning: "a doubtful term",
			told: []string{
				`ReplicaSet default/web-1: Normal SubsetSpilled PlaceIn-common: subset "common" of WorkloadSpread "web": own is full (2 of 2)`,
				`WorkloadSpread default/web: Normal SubsetSpilled PlaceIn-common: subset "common" of WorkloadSpread "web": own is full (2 of 2)`,
			},
		},
		"called-again": {decision: kept, pod: optedIn, asked: 1, placed: true, metric: `outcome="handled",reason=""`},
		"dry-run":      {decision: chosen, pod: optedIn, dryRun: true, asked: 1, placed: true, metric: `outcome="handled",reason=""`, warning: "a doubtful term"},
		"no-subset": {
			decision: none, pod: optedIn, asked: 1, metric: `outcome="handled",reason=""`, warning: "no subset has room",
			told: []string{
				"ReplicaSet default/web-1: Warning NoSubset AdmitWithoutSubset: no subset has room",
				"WorkloadSpread default/web: Warning NoSubset AdmitWithoutSubset: no subset has room",
			},
		},
		"bad-patch": {
			decision: badPatch, pod: optedIn, asked: 1, metric: `outcome="failed",reason="spread"`, warning: "spec.subsets[0].patch",
			told: []string{"ReplicaSet default/web-1: Warning SpreadFailed", "WorkloadSpread default/web: Warning SpreadFailed"},
		},
		"unreadable": {
			decision: unreadable, pod: optedIn, asked: 1, metric: `outcome="failed",reason="spread"`, warning: "cannot read the owner",
			told: []string{"ReplicaSet default/web-1: Warning SpreadFailed AdmitWithoutSubset: The pod is admitted without the WorkloadSpread: cannot read the owner"},
		},
		"not-targeted": {pod: optedIn, asked: 1, metric: `outcome="handled",reason=""`},
		"opted-out":    {decision: chosen, pod: strings.Replace(optedIn, "true", "false", 1), metric: `outcome="skipped",reason="opted-out"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			handler, registry := newHandler(t, namespaceLabels{})
			asked, events := &chooser{decision: tc.decision}, &teller{}
			handler.Spreads, handler.Events = asked, events
			body := review(t, tc.pod, func(r *admissionv1.AdmissionRequest) { r.DryRun = &tc.dryRun })
			var answer admissionv1.AdmissionReview
			if err := json.Unmarshal(post(&admission.Webhook{Handler: handler}, body).Body.Bytes(), &answer); err != nil {
				t.Fatal(err)
			}
			if !answer.Response.Allowed {
				t.Errorf("the pod is denied: %v", answer.Response.Result)
			}
			if asked.asked != tc.asked || tc.dryRun != (asked.dryRuns > 0) {
				t.Errorf("asked for a subset %d times, %d of them dry", asked.asked, asked.dryRuns)
			}
			if !slices.EqualFunc(events.told, tc.told, strings.HasPrefix) {
				t.Errorf("events, -want +got: %s", cmp.Diff(tc.told, events.told))
			}
			if warnings := strings.Join(answer.Response.Warnings, "\n"); !strings.Contains(warnings, tc.warning) || tc.warning == "" && warnings != "" {
				t.Errorf("warnings %q, want %q", warnings, tc.warning)
			}
			if placed := strings.Contains(string(answer.Response.Patch), "matched-workloadspread"); placed != tc.placed {
				t.Errorf("placed: %t, want %t", placed, tc.placed)
			}
			want := fmt.Sprintf("# HELP spillway_admissions_total Pod admissions, by outcome (handled, skipped, denied, failed) and reason.\n# TYPE spillway_admissions_total counter\nspillway_admissions_total{%s} 1\n", tc.metric)
			if err := testutil.GatherAndCompare(happened{registry}, strings.NewReader(want), "spillway_admissions_total"); err != nil {
				t.Error(err)
			}
		})
	}
}

// counting is an API server that counts events.
type counting struct {
	mu      sync.Mutex
	created int
}

func (c *counting) Create(_ context.Context, event *eventsv1.Event) (*eventsv1.Event, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.created++
	return event, nil
}

func (*counting) Update(_ context.Context, event *eventsv1.Event) (*eventsv1.Event, error) {
	return event, nil
}

func (*counting) Patch(_ context.Context, event *eventsv1.Event, _ []byte) (*eventsv1.Event, error) {
	return event, nil
}

// TestBurstOfEvents: each slot that is taken makes a new version of the WorkloadSpread.
// Each was an event of its own, for the owner and for the WorkloadSpread.
func TestBurstOfEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const optedIn = `{"metadata":{"labels":{"virtual-pod":"true"},"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-1","uid":"1","controller":true}]},"spec":{"containers":[{"name":"app"}]}}`
		ctx, stop := context.WithCancel(t.Context())
		api := &counting{}
		broadcaster := events.NewBroadcaster(api)
		if err := broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
			t.Fatal(err)
		}
		handler, _ := newHandler(t, namespaceLabels{})
		scheme := runtime.NewScheme()
		if err := v1alpha1.AddToScheme(scheme); err != nil {
			t.Fatal(err)
		}
		handler.Events = broadcaster.NewRecorder(scheme, "test")
		for version := range 100 {
			decision := benchDecision("", false)
			decision.Spread.ResourceVersion = strconv.Itoa(version)
			handler.Spreads = &chooser{decision: decision}
			post(&admission.Webhook{Handler: handler}, review(t, optedIn, func(*admissionv1.AdmissionRequest) {}))
			synctest.Wait()
		}
		broadcaster.Shutdown()
		stop()
		if api.created != 2 {
			t.Errorf("%d events are created, want 2", api.created)
		}
	})
}
