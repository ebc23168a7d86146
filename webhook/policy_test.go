package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/spillway-io/spillway/webhook"
)

// surroundings answer for every namespace and target, with values or an error.
type surroundings struct {
	others   []v1alpha1.WorkloadSpread
	template *corev1.PodTemplateSpec
	err      error
	panics   bool
}

func (s surroundings) WorkloadSpreads(context.Context, string) ([]v1alpha1.WorkloadSpread, error) {
	if s.panics {
		panic("a bug")
	}
	return s.others, s.err
}

func (s surroundings) PodTemplate(context.Context, string, v1alpha1.TargetReference) (*corev1.PodTemplateSpec, []string, error) {
	return s.template, nil, s.err
}

// spreadReview is the AdmissionReview for the creation of a WorkloadSpread, or
// for its update if there is an old one.
func spreadReview(t testing.TB, ws, old string) []byte {
	t.Helper()
	return review(t, ws, func(r *admissionv1.AdmissionRequest) {
		r.Resource = metav1.GroupVersionResource{Group: "apps.kruise.io", Version: "v1alpha1", Resource: "workloadspreads"}
		r.Kind = metav1.GroupVersionKind{Group: "apps.kruise.io", Version: "v1alpha1", Kind: "WorkloadSpread"}
		if old != "" {
			r.Operation = admissionv1.Update
			r.OldObject = runtime.RawExtension{Raw: []byte(old)}
		}
	})
}

func ask(t testing.TB, handler admission.Handler, body []byte) *admissionv1.AdmissionResponse {
	t.Helper()
	recorder := post(&admission.Webhook{Handler: handler}, body)
	var answer admissionv1.AdmissionReview
	if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil || answer.Response == nil {
		t.Fatalf("answer %q: %v", recorder.Body, err)
	}
	return answer.Response
}

func TestSpreadValidator(t *testing.T) {
	const (
		head  = `{"metadata":{"name":"ws","namespace":"default"},"spec":{"targetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"web"},"subsets":[`
		valid = head + `{"name":"a","maxReplicas":2,"tolerations":[{"operator":"Exists"}]}]}}`
		bad   = head + `{"name":"a","maxReplicas":"5"},{"name":"a"}]}}`
	)
	other := v1alpha1.WorkloadSpread{ObjectMeta: metav1.ObjectMeta{Name: "other", Namespace: "default"}, Spec: v1alpha1.WorkloadSpreadSpec{
		TargetReference: &v1alpha1.TargetReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"},
	}}
	cases := map[string]struct {
		reason  string
		around  surroundings
		ws, old string

		allowed  bool
		code     int32
		message  string
		causes   []string
		warnings []string
	}{
		"valid": {reason: "nothing to say", ws: valid, allowed: true, code: 200},
		"invalid": {
			reason: "kubectl prints the causes as it does for a Deployment", ws: bad, code: 422,
			message: `WorkloadSpread.apps.kruise.io "ws" is invalid: [`,
			causes:  []string{"spec.subsets[1].name", "spec.subsets[0].maxReplicas"},
		},
		"not-the-only-one": {
			reason: "others are asked for", around: surroundings{others: []v1alpha1.WorkloadSpread{other}}, ws: valid, code: 422,
			message: `WorkloadSpread "other" spreads it already`,
			causes:  []string{"spec.targetRef"},
		},
		"patch": {
			reason: "the target is asked for",
			around: surroundings{template: &corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "web:1"}}}}},
			ws:     head + `{"name":"a","patch":{"spec":{"containers":[{"name":"mian","tty":true}]}}}]}}`, code: 422,
			message: "correct the name, or give an image",
			causes:  []string{"spec.subsets[0].patch.spec.containers[mian].image"},
		},
		"unknown-surroundings": {
			reason: "what cannot be asked does not stand in the way", around: surroundings{err: errors.New("connection refused")}, ws: valid, allowed: true, code: 200,
			warnings: []string{
				"not checked: whether another WorkloadSpread has the same target; the log of Spillway's webhook says why",
				"not checked: whether patches fit the pods of the target; the log of Spillway's webhook says why",
			},
		},
		"unknown-fields": {
			reason: "a field of a newer version, or a typo where the CRD is not ours", ws: head + `{"name":"a","minReplicas":1,"tolerations":[{"operator":"Exists"}]}]}}`, allowed: true, code: 200,
			warnings: []string{`without effect in this version of Spillway: unknown field "spec.subsets[0].minReplicas"`},
		},
		"in-vain": {
			reason: "legal, and probably not meant", ws: head + `{"name":"a"}]}}`, allowed: true, code: 200,
			warnings: []string{`spec.subsets[0]: subset "a" selects no nodes and patches nothing: its pods run wherever they would have run without it`},
		},
		"update": {
			reason: "the target stays", old: strings.Replace(valid, "web", "api", 1), ws: valid, code: 422,
			message: `spec.targetRef.name: Invalid value: "web": "api" cannot be changed`,
			causes:  []string{"spec.targetRef.name"},
		},
		"no-spread": {reason: "not even the CRD would let it through", ws: `{"spec":[]}`, code: 400, message: "cannot read the WorkloadSpread of the request"},
		"bug": {
			reason: "a bug of ours is not the user's fault", around: surroundings{panics: true}, ws: bad, allowed: true, code: 200,
			warnings: []string{"Spillway failed to judge the object and let it through as it is; its log says why"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			response := ask(t, &webhook.SpreadValidator{Spreads: tc.around, Templates: tc.around}, spreadReview(t, tc.ws, tc.old))
			if response.Allowed != tc.allowed || response.Result.Code != tc.code || !strings.Contains(response.Result.Message, tc.message) {
				t.Errorf("%s: allowed %t, code %d, message %q; want %t, %d, %q", tc.reason, response.Allowed, response.Result.Code, response.Result.Message, tc.allowed, tc.code, tc.message)
			}
			var causes []string
			if details := response.Result.Details; details != nil {
				for _, cause := range details.Causes {
					causes = append(causes, cause.Field)
				}
			}
			if diff := cmp.Diff(tc.causes, causes); diff != "" {
				t.Errorf("%s: fields -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.warnings, response.Warnings); diff != "" {
				t.Errorf("%s: warnings -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestSpreadDefaulter(t *testing.T) {
	cases := map[string]struct{ reason, ws, patch string }{
		"no-strategy":    {"the object that holds the type is added first", `{"spec":{"future":1,"subsets":[{"name":"a"}]}}`, `[{"op":"add","path":"/spec/scheduleStrategy","value":{}},{"op":"add","path":"/spec/scheduleStrategy/type","value":"Fixed"}]`},
		"null-strategy":  {"null is none", `{"spec":{"scheduleStrategy":null}}`, `[{"op":"add","path":"/spec/scheduleStrategy","value":{}},{"op":"add","path":"/spec/scheduleStrategy/type","value":"Fixed"}]`},
		"empty-strategy": {"only the type is missing", `{"spec":{"scheduleStrategy":{}}}`, `[{"op":"add","path":"/spec/scheduleStrategy/type","value":"Fixed"}]`},
		"empty-type":     {"an empty type is none", `{"spec":{"scheduleStrategy":{"type":""}}}`, `[{"op":"add","path":"/spec/scheduleStrategy/type","value":"Fixed"}]`},
		"no-spec":        {"whatever is sent", `{}`, `[{"op":"add","path":"/spec","value":{}},{"op":"add","path":"/spec/scheduleStrategy","value":{}},{"op":"add","path":"/spec/scheduleStrategy/type","value":"Fixed"}]`},
		"nulls": {
			"what kubectl dropped and the user wrote",
			`{"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"spec\":{\"subsets\":[{\"name\":\"a\",\"patch\":{\"spec\":{\"nodeSelector\":null}}}]}}"}},"spec":{"scheduleStrategy":{"type":"Fixed"},"subsets":[{"name":"a","patch":{"spec":{}}}]}}`,
			`[{"op":"add","path":"/spec/subsets/0/patch/spec/nodeSelector","value":null}]`,
		},
		"given": {"said is said", `{"spec":{"scheduleStrategy":{"type":"Adaptive"}}}`, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			response := ask(t, webhook.SpreadDefaulter{}, spreadReview(t, tc.ws, ""))
			if diff := cmp.Diff(tc.patch, string(response.Patch)); !response.Allowed || diff != "" {
				t.Errorf("%s: allowed %t, patch -want +got:\n%s", tc.reason, response.Allowed, diff)
			}
		})
	}
}

func TestSpreadHandlersAreAboutWritesOfWorkloadSpreads(t *testing.T) {
	const bad = `{"spec":{}}`
	for name, change := range map[string]func(*admissionv1.AdmissionRequest){
		"pods":         func(*admissionv1.AdmissionRequest) {},
		"other-group":  func(r *admissionv1.AdmissionRequest) { r.Resource.Resource = "workloadspreads" },
		"status":       func(r *admissionv1.AdmissionRequest) { asSpread(r); r.SubResource = "status" },
		"delete":       func(r *admissionv1.AdmissionRequest) { asSpread(r); r.Operation = admissionv1.Delete },
		"sidecar-sets": func(r *admissionv1.AdmissionRequest) { asSpread(r); r.Resource.Resource = "sidecarsets" },
	} {
		t.Run(name, func(t *testing.T) {
			for _, handler := range []admission.Handler{webhook.SpreadDefaulter{}, &webhook.SpreadValidator{}} {
				if response := ask(t, handler, review(t, bad, change)); !response.Allowed || response.Patch != nil || response.Warnings != nil {
					t.Errorf("%T: allowed %t, patch %s, warnings %q; want it allowed without a word", handler, response.Allowed, response.Patch, response.Warnings)
				}
			}
		})
	}
}

func asSpread(r *admissionv1.AdmissionRequest) {
	r.Resource = metav1.GroupVersionResource{Group: "apps.kruise.io", Version: "v1alpha1", Resource: "workloadspreads"}
}
