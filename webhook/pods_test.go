package webhook_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/spillway-io/spillway/webhook"
)

// TestPodServer: answers are those of controller-runtime, byte by byte.
func TestPodServer(t *testing.T) {
	const pod = `{"metadata":{"labels":{"virtual-pod":"true"}},"spec":{"nodeSelector":{"disk":"ssd<&>"}}}`
	usual := review(t, pod, nil)
	cases := map[string]struct {
		reason      string
		body        []byte
		contentType string
	}{
		"usual":        {reason: "a pod with a patch", body: usual},
		"skipped":      {reason: "a pod that is not ours", body: review(t, `{"metadata":{},"spec":{}}`, nil)},
		"warned":       {reason: "a pod with a misspelt label", body: review(t, strings.Replace(pod, "true", "yes", 1), nil)},
		"denied":       {reason: "a stash that cannot be read", body: review(t, strings.Replace(pod, `"labels"`, `"annotations":{"clusterSelector":"{"},"labels"`, 1), nil)},
		"wrong type":   {reason: "a pod of ours whose spec is none", body: review(t, strings.Replace(pod, `{"disk":"ssd<&>"}`, `[]`, 1), nil)},
		"deletion":     {reason: "a request without an object", body: []byte(`{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"1","operation":"DELETE"}}`)},
		"v1beta1":      {reason: "an older version is answered in its own", body: []byte(strings.Replace(string(usual), "admission.k8s.io/v1", "admission.k8s.io/v1beta1", 1))},
		"no version":   {reason: "is taken for v1", body: []byte(strings.Replace(string(usual), `"apiVersion":"admission.k8s.io/v1",`, "", 1))},
		"no JSON":      {reason: "it ends early", body: usual[:len(usual)-3]},
		"empty":        {reason: "no body", body: []byte{}},
		"content type": {reason: "not JSON, it says", body: usual, contentType: "text/plain"},
		"large":        {reason: "more than anybody reads", body: append(append([]byte{}, usual...), make([]byte, 7<<20)...)},
		"update":       {reason: "decisions are made at creation", body: review(t, pod, func(r *admissionv1.AdmissionRequest) { r.Operation = admissionv1.Update })},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			handler, _ := newHandler(t, namespaceLabels{})
			ask := func(server http.Handler) string {
				request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, webhook.Path, strings.NewReader(string(tc.body)))
				request.Header.Set("Content-Type", "application/json")
				if tc.contentType != "" {
					request.Header.Set("Content-Type", tc.contentType)
				}
				recorder := httptest.NewRecorder()
				server.ServeHTTP(recorder, request)
				return recorder.Body.String()
			}
			if diff := cmp.Diff(ask(&admission.Webhook{Handler: handler}), ask(webhook.NewPodServer(handler, nil))); diff != "" {
				t.Errorf("%s: -controller-runtime +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestPodServerGivesTheContextOn: traces come with it.
func TestPodServerGivesTheContextOn(t *testing.T) {
	type key struct{}
	var got any
	server := webhook.NewPodServer(
		admission.HandlerFunc(func(ctx context.Context, _ admission.Request) admission.Response {
			got = ctx.Value(key{})
			return admission.Allowed("")
		}),
		func(ctx context.Context, r *http.Request) context.Context {
			return context.WithValue(ctx, key{}, r.URL.Path)
		})
	post(server, review(t, `{}`, nil))
	if got != webhook.Path {
		t.Errorf("the handler has %v of the request, want its path", got)
	}
}
