package spread_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"

	"github.com/spillway-io/spillway/webhook/spread"
)

func TestDefault(t *testing.T) {
	cases := map[string]struct {
		reason, spread string
		want           v1alpha1.WorkloadSpreadScheduleStrategyType
	}{
		"type":          {"what no type has always meant", subsets("{name: a}"), v1alpha1.FixedWorkloadSpreadScheduleStrategyType},
		"given":         {"said is said", spec("  scheduleStrategy: {type: Adaptive}\n  subsets: [{name: a}]"), v1alpha1.AdaptiveWorkloadSpreadScheduleStrategyType},
		"contradiction": {"Validate asks what was meant", spec("  scheduleStrategy: {adaptive: {}}\n  subsets: [{name: a}]"), ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			ws := parse(t, tc.spread)
			want := ws.DeepCopy()
			got := spread.Default(ws)
			if diff := cmp.Diff(want, ws); diff != "" {
				t.Errorf("the input was modified: -before +after:\n%s", diff)
			}
			want.Spec.ScheduleStrategy.Type = tc.want
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(got, spread.Default(got)); diff != "" {
				t.Errorf("defaulting twice differs: -once +twice:\n%s", diff)
			}
		})
	}
}

// TestDefaultRestoresNulls: `kubectl apply` drops the nulls of a patch, and the
// patch then leaves in place what it was to clear.
func TestDefaultRestoresNulls(t *testing.T) {
	const (
		written = `{"spec":{"subsets":[{"name":"a"},{"name":"b","patch":{"metadata":{"labels":{"x":"1"}},"spec":{"nodeSelector":null,"affinity":{"nodeAffinity":null}}}}]}}`
		patch   = `{"metadata":{"labels":{"x":"1"}},"spec":{"nodeSelector":null,"affinity":{"nodeAffinity":null}}}`
		dropped = `{"metadata":{"labels":{"x":"1"}},"spec":{"affinity":{}}}`
	)
	cases := map[string]struct{ reason, name, applied, patch, want string }{
		"dropped":       {"what the user wrote", "b", written, dropped, patch},
		"kept":          {"applied on the server's side", "b", written, patch, patch},
		"changed-since": {"somebody changed more than nulls after the apply", "b", written, `{"metadata":{"labels":{"x":"2"}},"spec":{"affinity":{}}}`, `{"metadata":{"labels":{"x":"2"}},"spec":{"affinity":{}}}`},
		"other-subset":  {"a subset that was not applied", "c", written, dropped, dropped},
		"no-annotation": {"created, not applied", "b", "", dropped, dropped},
		"garbage":       {"an annotation is whatever it is", "b", `{"spec":[]}`, dropped, dropped},
		"no-patch-left": {"somebody removed the patch", "b", `{"spec":{"subsets":[{"name":"b","patch":{}}]}}`, "", ""},
		"no-patch":      {"nothing was dropped", "a", written, "", ""},
		"all-dropped":   {"nothing but nulls", "b", `{"spec":{"subsets":[{"name":"b","patch":{"spec":null}}]}}`, `{}`, `{"spec":null}`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			ws := parse(t, subsets("{name: first, maxReplicas: 1}", "{name: "+tc.name+"}"))
			ws.Annotations = map[string]string{"kubectl.kubernetes.io/last-applied-configuration": tc.applied}
			ws.Spec.Subsets[1].Patch.Raw = []byte(tc.patch)
			before := ws.DeepCopy()
			got := spread.Default(ws)
			if diff := cmp.Diff(tc.want, string(got.Spec.Subsets[1].Patch.Raw)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(before, ws); diff != "" {
				t.Errorf("the input was modified: -before +after:\n%s", diff)
			}
		})
	}
}
