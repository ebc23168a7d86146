package stories

import (
	"context"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/certs"
	"github.com/spillway-io/spillway/e2e/playground"
)

const (
	certSecret = "spillway-webhook-certs"
	// renewalsFor and renewalsEvery are environment variables with durations, for
	// longer runs than CI's: make renewals.
	renewalsFor   = "SPILLWAY_RENEWALS_FOR"
	renewalsEvery = "SPILLWAY_RENEWALS_EVERY"
)

// TestRenewals: certificates are renewed all the time, under 50 admissions a second,
// and no admission fails, and no handshake either, of API servers that lag behind.
func TestRenewals(t *testing.T) {
	t.Parallel()
	every := duration(t, renewalsEvery, 8*time.Second)
	r := replicatedStage(t)
	r.createsSecret(t)
	t.Run("by the webhook itself", func(t *testing.T) { r.renewsItself(t, duration(t, renewalsFor, 25*time.Second), every) })
	t.Run("in files below it", func(t *testing.T) { r.renewedInFiles(t, duration(t, renewalsFor, 10*time.Second), every/2) })
}

func duration(t *testing.T, variable string, otherwise time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return d
}

// renewsItself: two replicas, of which one leads, with a Secret that is empty at
// first, loses the CA's key, and then everything.
func (r *replicated) renewsItself(t *testing.T, length, every time.Duration) {
	overlap := every * 3 / 8
	for _, name := range []string{"kept-one", "kept-two"} {
		r.startsWith(t, name,
			"--cert-secret="+certSecret, "--cert-dns-names=127.0.0.1", "--ca-bundle-into=spillway,spillway-policies",
			"--cert-lifetime="+(every*3/2).String(), "--cert-overlap="+overlap.String(), "--ca-lifetime="+(6*every).String())
	}
	a := r.admits(t, overlap/2, length)
	a.after(t, length/8, func() {
		r.changesSecret(t, func(data map[string][]byte) { delete(data, certs.AuthorityKeyKey) })
	})
	a.after(t, length/2, func() {
		r.changesSecret(t, func(data map[string][]byte) {
			maps.DeleteFunc(data, func(string, []byte) bool { return true })
		})
	})
	a.ends(t)
	if a.certificates() < 3 || a.authorities() < 2 {
		t.Errorf("%d certificates of %d CAs were served, want 3 of 2", a.certificates(), a.authorities())
	}
	t.Run("an overwritten caBundle is put back", r.putsBack)
	r.toldNoKeys(t, a)
	r.stopsAll(t)
}

// renewedInFiles: the files of a Secret are swapped as a kubelet does.
func (r *replicated) renewedInFiles(t *testing.T, length, every time.Duration) {
	files := mountsSecret(t, playgroundAuthority(t))
	for _, name := range []string{"files-one", "files-two"} {
		r.startsWith(t, name, "--cert-dir="+files.dir, "--ca-file="+files.ca())
	}
	a := r.admits(t, 0, length)
	swaps := 0
	for at := every / 4; at < length-every/4; at += every {
		a.after(t, at, func() { files.swaps(t, goodServing(files.authority)) })
		swaps++
	}
	a.ends(t)
	if a.certificates() < min(swaps, 3) {
		t.Errorf("%d certificates were served, but %d mounted", a.certificates(), swaps)
	}
	r.stopsAll(t)
}

// putsBack: only what is ours is put back, and nothing else is touched.
func (r *replicated) putsBack(t *testing.T) {
	s := &story{T: t, stage: r.stage, ctx: t.Context()}
	client := r.upstream.Client().AdmissionregistrationV1().MutatingWebhookConfigurations()
	configuration, err := client.Get(s.ctx, "spillway", metav1.GetOptions{})
	s.must("get the configuration", err)
	kept := string(configuration.Webhooks[0].ClientConfig.CABundle)
	foreign := *configuration.Webhooks[0].DeepCopy()
	foreign.Name = "webhook.somebody.example"
	foreign.ClientConfig.CABundle = nil
	for i := range configuration.Webhooks {
		configuration.Webhooks[i].ClientConfig.CABundle = nil
	}
	foreign.ObjectSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"nobody": "has"}}
	configuration.Webhooks = append(configuration.Webhooks, foreign)
	_, err = client.Update(s.ctx, configuration, metav1.UpdateOptions{})
	s.must("overwrite the configuration", err)
	s.eventually("the caBundle is back", func(ctx context.Context) error {
		configuration, err := client.Get(ctx, "spillway", metav1.GetOptions{})
		if err != nil {
			return err
		}
		for i := range configuration.Webhooks {
			webhook := &configuration.Webhooks[i]
			has := len(webhook.ClientConfig.CABundle) > 0
			if isOurs := strings.HasSuffix(webhook.Name, ".spillway.io"); isOurs != has {
				return errNotYet
			}
		}
		return nil
	})
	if kept == "" {
		t.Error("there was none before")
	}
}

// stopsAll ends the replicas, so that others can be behind the balancer.
func (r *replicated) stopsAll(t *testing.T) {
	t.Helper()
	for _, replica := range r.replicas {
		if err := within(replica.Stop)(); err != nil {
			t.Error(err)
		}
	}
	r.replicas = nil
}

// startsWith adds a replica with a certificate of its own.
func (r *replicated) startsWith(t *testing.T, name string, certArgs ...string) *playground.Webhook {
	t.Helper()
	webhook, err := playground.StartWebhook(t.Context(), playground.WebhookOptions{
		Binary: r.spillway, Upstream: r.upstream, Name: "webhook-" + name, Balancer: r.balancer, CertArgs: certArgs,
	})
	if err != nil {
		t.Fatal(err)
	}
	atEnd(t, webhook.Stop)
	r.replicas = append(r.replicas, webhook)
	return webhook
}
