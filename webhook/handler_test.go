package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/spillway-io/spillway/webhook"
)

// namespaceLabels answers for every namespace, with labels or an error.
type namespaceLabels struct {
	labels map[string]string
	err    error
}

func (n namespaceLabels) Namespace(context.Context, string, bool) (labels, annotations map[string]string, err error) {
	return n.labels, nil, n.err
}

func newHandler(t testing.TB, namespaces webhook.NamespaceReader) (*webhook.Handler, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	metrics, err := webhook.NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	return &webhook.Handler{Policy: policy(), Namespaces: namespaces, Metrics: metrics}, registry
}

// review is the AdmissionReview that an API server would send for pod.
func review(t testing.TB, pod string, change func(*admissionv1.AdmissionRequest)) []byte {
	t.Helper()
	request := &admissionv1.AdmissionRequest{
		UID:       "1",
		Resource:  metav1.GroupVersionResource{Version: "v1", Resource: "pods"},
		Kind:      metav1.GroupVersionKind{Version: "v1", Kind: "Pod"},
		Namespace: "default",
		Operation: admissionv1.Create,
		Object:    runtime.RawExtension{Raw: []byte(pod)},
	}
	if change != nil {
		change(request)
	}
	body, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request:  request,
	})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func post(handler http.Handler, body []byte) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodPost, webhook.Path, bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder
}

func TestHandler(t *testing.T) {
	ready := namespaceLabels{}
	cases := map[string]struct {
		reason     string
		namespaces namespaceLabels
		pod        string
		change     func(*admissionv1.AdmissionRequest)

		allowed  bool
		code     int32
		message  string
		patch    string
		warnings []string
		metric   string
	}{
		"handled": {
			reason:  "the patch names what changed and nothing else",
			pod:     `{"metadata":{"labels":{"virtual-pod":"true"}},"spec":{"nodeSelector":{"disk":"ssd"},"containers":[{"name":"a"}],"future":1}}`,
			allowed: true, code: 200, metric: `outcome="handled",reason=""`,
			patch: `[{"op":"add","path":"/metadata/annotations","value":{"clusterSelector":"{\"nodeSelector\":{\"disk\":\"ssd\"}}","spillway.io/stash":"v1:sha256:910f1f140287c31b5e39d54f7b41a7dcfb6b0a37c6f79048a4f98d30c65988e9"}},` +
				`{"op":"remove","path":"/spec/nodeSelector"},` +
				`{"op":"add","path":"/spec/affinity","value":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"type","operator":"In","values":["virtual-kubelet"]}]}]}}}},` +
				`{"op":"add","path":"/spec/tolerations","value":[{"key":"virtual-kubelet.io/provider","operator":"Equal","value":"spillway","effect":"NoSchedule"}]}]`,
		},
		"skipped": {
			reason:  "a pod that did not ask is allowed without a patch",
			pod:     `{"metadata":{"labels":{"app":"web"}},"spec":{}}`,
			allowed: true, code: 200, metric: `outcome="skipped",reason="not-opted-in"`,
		},
		"typo": {
			reason:  "the user sees what was probably meant",
			pod:     `{"metadata":{"labels":{"virtual-pod":"yes"}},"spec":{}}`,
			allowed: true, code: 200, metric: `outcome="skipped",reason="opted-out"`,
			warnings: []string{`label virtual-pod="yes" opts the pod out of Spillway; to opt in, the value must be "true", to opt out without this warning "false"`},
		},
		"denied": {
			reason: "constraints are never lost in silence",
			pod:    `{"metadata":{"labels":{"virtual-pod":"true"},"annotations":{"clusterSelector":"{"}},"spec":{}}`,
			code:   403, metric: `outcome="denied",reason="stash"`,
			message: `cannot admit the pod: annotation "clusterSelector" at offset 1: unexpected end of JSON input; give a JSON object with any of "nodeSelector", "affinity", "tolerations" and "topologySpreadConstraints" as in a pod's spec, or remove the annotation`,
		},
		"update": {
			reason:  "decisions are made at creation",
			pod:     `{"metadata":{"labels":{"virtual-pod":"true"}},"spec":{}}`,
			change:  func(r *admissionv1.AdmissionRequest) { r.Operation = admissionv1.Update },
			allowed: true, code: 200, metric: `outcome="skipped",reason="not-created"`,
		},
		"subresource": {
			reason:  "a binding is not a pod",
			pod:     `{"target":{"name":"node-1"}}`,
			change:  func(r *admissionv1.AdmissionRequest) { r.SubResource = "binding" },
			allowed: true, code: 200, metric: `outcome="skipped",reason="not-created"`,
		},
		"not-a-pod": {
			reason:  "somebody registered the webhook for more than pods",
			pod:     `{"spec":{"ports":[]}}`,
			change:  func(r *admissionv1.AdmissionRequest) { r.Resource.Resource = "services" },
			allowed: true, code: 200, metric: `outcome="skipped",reason="not-a-pod"`,
		},
		"not-a-pod-inside": {
			reason: "a body that is no pod is a bad request, not a panic",
			pod:    `{"metadata":{"labels":["virtual-pod"]}}`,
			code:   400, metric: `outcome="failed",reason="request"`,
			message: `cannot read the pod of the request: json: cannot unmarshal array into Go struct field ObjectMeta.metadata.labels of type map[string]string`,
		},
		"namespace-unknown": {
			reason:     "an unlabelled pod may have been opted in by its namespace; admitting it unhandled would be a guess",
			namespaces: namespaceLabels{err: errors.New("connection refused")},
			pod:        `{"metadata":{},"spec":{}}`,
			code:       500, metric: `outcome="failed",reason="request"`,
			message: `cannot tell whether namespace "default" opted in: connection refused`,
		},
		"newer-fields": {
			reason:  "a constraint of a later Kubernetes cannot be stashed by this build, and says so",
			pod:     `{"metadata":{"labels":{"virtual-pod":"true"}},"spec":{"nodeSelector":{"type":"virtual-kubelet"},"affinity":{"nodeAffinity":{"future":1}}, "elsewhere":1}}`,
			allowed: true, code: 200, metric: `outcome="handled",reason=""`,
			warnings: []string{`this version of Spillway does not know, and cannot carry downstream: unknown field "spec.affinity.nodeAffinity.future"`},
			patch: `[{"op":"add","path":"/metadata/annotations","value":{"clusterSelector":"{\"nodeSelector\":{\"type\":\"virtual-kubelet\"},\"affinity\":{\"nodeAffinity\":{}}}","spillway.io/stash":"v1:sha256:d9aba48f248adb04d60e884f3a24e00a86be53ad8a82056d59f74da4e8d3af1c"}},` +
				`{"op":"remove","path":"/spec/affinity"},` +
				`{"op":"add","path":"/spec/tolerations","value":[{"key":"virtual-kubelet.io/provider","operator":"Equal","value":"spillway","effect":"NoSchedule"}]}]`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			namespaces := ready
			if tc.namespaces.err != nil {
				namespaces = tc.namespaces
			}
			handler, registry := newHandler(t, namespaces)
			recorder := post(&admission.Webhook{Handler: handler}, review(t, tc.pod, tc.change))

			var got admissionv1.AdmissionReview
			if err := json.Unmarshal(recorder.Body.Bytes(), &got); err != nil {
				t.Fatalf("answer %q: %v", recorder.Body, err)
			}
			r := got.Response
			if r.Allowed != tc.allowed || r.Result.Code != tc.code || r.Result.Message != tc.message {
				t.Errorf("%s: allowed %t, code %d, message %q; want %t, %d, %q", tc.reason, r.Allowed, r.Result.Code, r.Result.Message, tc.allowed, tc.code, tc.message)
			}
			if diff := cmp.Diff(tc.patch, string(r.Patch)); diff != "" {
				t.Errorf("%s: patch -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.warnings, r.Warnings); diff != "" {
				t.Errorf("%s: warnings -want +got:\n%s", tc.reason, diff)
			}
			want := "# HELP spillway_admissions_total Pod admissions, by outcome (handled, skipped, denied, failed) and reason.\n" +
				"# TYPE spillway_admissions_total counter\nspillway_admissions_total{" + tc.metric + "} 1\n"
			if err := testutil.GatherAndCompare(happened{registry}, strings.NewReader(want), "spillway_admissions_total"); err != nil {
				t.Error(err)
			}
		})
	}
}

// panicking stands for a bug of ours.
type panicking struct{}

func (panicking) Namespace(context.Context, string, bool) (labels, annotations map[string]string, err error) {
	panic("a bug")
}

func TestHandlerAdmitsThePodUnchangedAfterABugOfOurs(t *testing.T) {
	handler, registry := newHandler(t, panicking{})
	recorder := post(&admission.Webhook{Handler: handler}, review(t, `{"metadata":{},"spec":{}}`, nil))
	var got admissionv1.AdmissionReview
	if err := json.Unmarshal(recorder.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if r := got.Response; !r.Allowed || r.Patch != nil || len(r.Warnings) != 1 {
		t.Errorf("allowed %t, patch %s, warnings %q; want the pod allowed as it is, with a warning", r.Allowed, r.Patch, r.Warnings)
	}
	const want = "# HELP spillway_admissions_total Pod admissions, by outcome (handled, skipped, denied, failed) and reason.\n" +
		"# TYPE spillway_admissions_total counter\nspillway_admissions_total{outcome=\"failed\",reason=\"mutate\"} 1\n"
	if err := testutil.GatherAndCompare(happened{registry}, strings.NewReader(want), "spillway_admissions_total"); err != nil {
		t.Error(err)
	}
}

// FuzzHandler: no bytes make the handler panic, or answer with something that is
// not an AdmissionReview.
func FuzzHandler(f *testing.F) {
	f.Add(review(f, `{"metadata":{"labels":{"virtual-pod":"true"}},"spec":{"nodeSelector":{"disk":"ssd"}}}`, nil))
	f.Add(review(f, `{"metadata":{"labels":{"virtual-pod":"true"},"annotations":{"clusterSelector":"{}"}},"spec":{"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{}]}}}}}`, nil))
	f.Add(review(f, `{"spec":{"tolerations":[null],"affinity":{"podAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[null]}}}}`, nil))
	f.Add([]byte(`{"request":{"object":null}}`))
	f.Add([]byte(`[]`))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		handler, _ := newHandler(t, namespaceLabels{labels: map[string]string{"virtual-pod": "true"}})
		webhookHandler := (&admission.Webhook{Handler: handler}).WithRecoverPanic(false)
		recorder := post(webhookHandler, body)
		var answer admissionv1.AdmissionReview
		if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil || answer.Response == nil {
			t.Fatalf("answer %q: %v", recorder.Body, err)
		}
		if strings.Contains(strings.Join(answer.Response.Warnings, ""), "failed to handle") {
			t.Fatalf("the handler recovered from a bug of ours: %q", recorder.Body)
		}
	})
}
