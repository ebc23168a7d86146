package stories

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// asksWebhook has the downstream API server ask a webhook about each new pod of the
// story, for a second at most, and returns what has it allow them all.
func (s *story) asksWebhook(answer http.HandlerFunc) (allowAll func()) {
	s.Helper()
	var allows atomic.Bool
	allow := review(func(response *admissionv1.AdmissionResponse) { response.Allowed = true })
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if allows.Load() {
			allow(w, r)
			return
		}
		answer(w, r)
	}))
	s.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	configurations := s.downstream.Client().AdmissionregistrationV1().ValidatingWebhookConfigurations()
	_, err := configurations.Create(s.ctx, &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: s.namespace},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "pods.example.org",
			ClientConfig: admissionregistrationv1.WebhookClientConfig{
				URL:      &server.URL,
				CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
			},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
			}},
			NamespaceSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": s.namespace}},
			SideEffects:             new(admissionregistrationv1.SideEffectClassNone),
			TimeoutSeconds:          new(int32(1)),
			AdmissionReviewVersions: []string{"v1"},
		}},
	}, metav1.CreateOptions{})
	s.must("register the webhook", err)
	s.finally(func(ctx context.Context) error {
		return configurations.Delete(ctx, s.namespace, metav1.DeleteOptions{})
	})
	return func() { allows.Store(true) }
}

// review is a webhook that answers in the way that it has to.
func review(fill func(*admissionv1.AdmissionResponse)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var asked admissionv1.AdmissionReview
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || asked.Request == nil {
			http.Error(w, "no review", http.StatusBadRequest)
			return
		}
		response := &admissionv1.AdmissionResponse{UID: asked.Request.UID}
		fill(response)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(admissionv1.AdmissionReview{TypeMeta: asked.TypeMeta, Response: response})
	}
}

// hang never answers. A server notices that its client is gone once it has read all
// that the client sent.
func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// denies gives a status as the reason.
func denies(status metav1.Status) func(*admissionv1.AdmissionResponse) {
	return func(response *admissionv1.AdmissionResponse) { response.Result = &status }
}
