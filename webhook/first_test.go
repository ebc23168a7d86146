package webhook

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gomodules.xyz/jsonpatch/v2"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// TestFirstMarksWhatItAdmits: no other server needs to be asked about those pods.
func TestFirstMarksWhatItAdmits(t *testing.T) {
	mark := jsonpatch.NewOperation("add", "/metadata/uid", "answered-by-spillway")
	label := jsonpatch.NewOperation("add", "/metadata/labels/a", "b")
	cases := map[string]struct {
		reason   string
		response admission.Response
		want     []jsonpatch.Operation
	}{
		"skipped": {"it is not to be handled by anybody", admission.Allowed(""), []jsonpatch.Operation{mark}},
		"handled": {"the mark is made last", admission.Patched("", label), []jsonpatch.Operation{label, mark}},
		"denied":  {"nobody else is asked anyway", admission.Denied("no"), nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			handler := admission.HandlerFunc(func(context.Context, admission.Request) admission.Response { return tc.response })
			got := first{handler}.Handle(t.Context(), admission.Request{})
			if diff := cmp.Diff(tc.want, got.Patches); diff != "" || got.Allowed != tc.response.Allowed {
				t.Errorf("%s: allowed %t, -want +got:\n%s", tc.reason, got.Allowed, diff)
			}
		})
	}
}
