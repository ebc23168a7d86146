package stories

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/playground"
)

// TestReplicaTakesOver: of two processes for one virtual node the second takes
// over when the first is told to stop, and nothing runs twice.
func TestReplicaTakesOver(t *testing.T) {
	s := tell(t, nil)
	replicas := map[string]*playground.VirtualNode{}
	for _, replica := range []string{"1", "2"} {
		process, err := playground.StartVirtualNode(s.ctx, playground.VirtualNodeOptions{
			Binary: s.spillway, Name: "north", Replica: replica, Upstream: s.upstream, Downstream: s.downstream,
			Labels: map[string]string{"clusterID": "north"},
		})
		s.must("start replica "+replica, err)
		s.finally(process.Stop)
		replicas[replica] = process
	}
	seen, stopWatching := s.watches(s.downstream)
	runs := func(n int, name string) {
		t.Helper()
		pod := newPod(name)
		pod.Spec.NodeSelector = map[string]string{"clusterID": "north"}
		s.applies(manifest(t, pod))
		s.must("see pod "+name+" run", s.runsInBoth(s.ctx, n, "north", s.downstream))
	}
	runs(1, "before")
	s.must("stop the leader", within(replicas["1"].Stop)())
	stopped := time.Now()
	runs(2, "after")
	t.Logf("the next pod ran %.1f s after the leader had stopped", time.Since(stopped).Seconds())
	stopWatching()
	if err := seen.sawOnce(2); err != nil {
		t.Error(err)
	}
}

// TestWebhookDrains: told to stop, a webhook is no longer ready at once, but
// answers until everybody has had time to notice.
func TestWebhookDrains(t *testing.T) {
	s := tell(t, nil)
	webhook, err := playground.StartWebhook(s.ctx, playground.WebhookOptions{
		Binary: s.spillway, Upstream: s.upstream, Name: "draining", FailurePolicy: "Ignore",
		ExtraArgs: []string{"--register-name=draining", "--drain-delay=3s"},
	})
	s.must("start a webhook of the story's own", err)
	s.finally(webhook.Stop)
	s.finally(func(ctx context.Context) error {
		return s.upstream.Client().AdmissionregistrationV1().MutatingWebhookConfigurations().Delete(ctx, "draining", metav1.DeleteOptions{})
	})

	stopped := make(chan error, 1)
	go func() { stopped <- webhook.Stop(s.ctx) }()
	s.eventually("the webhook is no longer ready", func(ctx context.Context) error {
		if code := get(ctx, webhook.Health+"/readyz"); code != http.StatusInternalServerError {
			return fmt.Errorf("/readyz answers %d", code)
		}
		return nil
	})
	answers := 0
	for webhook.Running() {
		if err := s.asks(webhook); err != nil {
			if webhook.Running() && answers == 0 {
				t.Fatalf("not ready any more, it does not answer either: %v", err)
			}
			break
		}
		answers++
	}
	if err := <-stopped; err != nil {
		t.Errorf("it did not stop by itself: %v", err)
	}
	if answers < 10 {
		t.Errorf("%d requests were answered while it drained for 3 s, want many", answers)
	}
	t.Logf("%d requests were answered after it was no longer ready", answers)
}

// get returns the status code, 0 without an answer.
func get(ctx context.Context, url string) int {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	_ = response.Body.Close() // nothing was read, nothing can be lost
	return response.StatusCode
}

// asks has the webhook admit a pod on a new connection, as an API server would.
func (s *story) asks(webhook *playground.Webhook) error {
	ca, err := os.ReadFile(webhook.CA)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	client := http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true,
	}}
	review := admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: "1", Operation: admissionv1.Create, Namespace: s.namespace,
			Resource: metav1.GroupVersionResource{Version: "v1", Resource: "pods"},
		},
	}
	review.Request.Object.Raw = []byte(toJSON(s.T, newPod("web")))
	request, err := http.NewRequestWithContext(s.ctx, http.MethodPost, webhook.URL+"/mutate-pods", bytes.NewBufferString(toJSON(s.T, review)))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	var answer admissionv1.AdmissionReview
	if err := errors.Join(json.NewDecoder(response.Body).Decode(&answer), response.Body.Close()); err != nil {
		return err
	}
	if answer.Response == nil || !answer.Response.Allowed || len(answer.Response.Patch) == 0 {
		return fmt.Errorf("it answers %+v", answer.Response)
	}
	return nil
}
