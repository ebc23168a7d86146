package stories

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

// TestAnotherWebhookAfterOurs: a webhook that runs after Spillway's adds a node
// selector and a sidecar, upon which Spillway is asked again. The stash still
// holds what the author wrote, and the sidecar reaches the downstream cluster.
func TestAnotherWebhookAfterOurs(t *testing.T) {
	s := tell(t, nil)
	s.registersAfterOurs(addsSidecarAndSelector, func(admitted *corev1.Pod) bool { return len(admitted.Spec.Containers) == 2 })

	pod := newPod("web")
	pod.Spec.NodeSelector = map[string]string{"clusterID": "east", "disktype": "ssd"}
	s.applies(manifest(t, pod))
	s.must("see the pod run", s.runsInBoth(s.ctx, 1, "east", s.downstream))

	up, below := s.pod(s.upstream, "web"), s.pod(s.downstream, "web")
	var stashed struct{ NodeSelector map[string]string }
	s.must("read the stash", json.Unmarshal([]byte(up.Annotations[api.StashAnnotation]), &stashed))
	if diff := cmp.Diff(pod.Spec.NodeSelector, stashed.NodeSelector); diff != "" {
		t.Errorf("stashed node selector -author's +stashed:\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"disktype": "ssd"}, below.Spec.NodeSelector); diff != "" {
		t.Errorf("downstream node selector -want +got:\n%s", diff)
	}
	for _, cluster := range []*corev1.Pod{up, below} {
		if len(cluster.Spec.Containers) != 2 || cluster.Spec.Containers[1].Name != "sidecar" {
			t.Errorf("containers %v, want the sidecar of the other webhook among them", cluster.Spec.Containers)
		}
	}
}

// addsSidecarAndSelector changes every pod that it has not changed yet.
func addsSidecarAndSelector(pod *corev1.Pod) (patch string) {
	if len(pod.Spec.Containers) != 1 {
		return ""
	}
	return `[{"op":"add","path":"/spec/containers/1","value":{"name":"sidecar","image":"sidecar:1"}},` +
		`{"op":"add","path":"/spec/nodeSelector/added","value":"later"}]`
}

// anotherWebhook serves a webhook that changes pods; no patch is no change.
func anotherWebhook(t *testing.T, change func(*corev1.Pod) (patch string)) *httptest.Server {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review admissionv1.AdmissionReview
		var pod corev1.Pod
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err := json.Unmarshal(review.Request.Object.Raw, &pod); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
		if patch := change(&pod); patch != "" {
			patchType := admissionv1.PatchTypeJSONPatch
			review.Response.PatchType = &patchType
			review.Response.Patch = []byte(patch)
		}
		review.Request = nil
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(review); err != nil {
			t.Errorf("the other webhook cannot answer: %v", err)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

// registersAfterOurs registers a webhook for the story's namespace under a name
// that comes after Spillway's, and waits until a pod shows that it has been asked.
func (s *story) registersAfterOurs(change func(*corev1.Pod) (patch string), asked func(admitted *corev1.Pod) bool) {
	s.Helper()
	server := anotherWebhook(s.T, change)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	none, ifNeeded := admissionregistrationv1.SideEffectClassNone, admissionregistrationv1.IfNeededReinvocationPolicy
	config := &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "zz-" + s.namespace},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name:                    "after.example.com",
			ClientConfig:            admissionregistrationv1.WebhookClientConfig{URL: &server.URL, CABundle: ca},
			Rules:                   []admissionregistrationv1.RuleWithOperations{{Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create}, Rule: admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}}}},
			NamespaceSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: s.namespace}},
			ReinvocationPolicy:      &ifNeeded,
			SideEffects:             &none,
			AdmissionReviewVersions: []string{"v1"},
		}},
	}
	configs := s.upstream.Client().AdmissionregistrationV1().MutatingWebhookConfigurations()
	_, err := configs.Create(s.ctx, config, metav1.CreateOptions{})
	s.must("register the other webhook", err)
	s.finally(func(ctx context.Context) error { return configs.Delete(ctx, config.Name, metav1.DeleteOptions{}) })
	s.eventually("the API server asks the other webhook", func(ctx context.Context) error {
		probe := newPod("probe")
		probe.Spec.NodeSelector = map[string]string{"clusterID": "east"}
		admitted, err := s.upstream.Client().CoreV1().Pods(s.namespace).Create(ctx, probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err != nil {
			return err
		}
		if !asked(admitted) {
			return errors.New("not yet")
		}
		return nil
	})
}
