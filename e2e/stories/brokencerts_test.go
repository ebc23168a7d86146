package stories

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/certs"
	"github.com/spillway-io/spillway/e2e/playground"
)

// TestBrokenCertificates: API servers refuse what is served, and users' pods with it;
// the log of the webhook says why, in words that certs.Diagnose has for `spillway
// doctor` too, and so does a metric.
func TestBrokenCertificates(t *testing.T) {
	t.Parallel()
	r := replicatedStage(t)
	authority := playgroundAuthority(t)
	files := mountsSecret(t, authority)
	webhook := r.startsWith(t, "broken", "--cert-dir="+files.dir, "--ca-file="+files.ca())

	issue := func(by certs.Pair, name string, from, life time.Duration) serving {
		return func() (certs.Pair, error) {
			return by.Serving(rand.Reader, []string{name}, time.Now().Add(from), life, 0)
		}
	}
	cases := []struct {
		cause certs.Cause
		make  serving
		says  string
	}{
		{certs.Expired, issue(authority, "127.0.0.1", -30*time.Minute, 20*time.Minute), "expired at "},
		{certs.WrongHost, issue(authority, "webhook.elsewhere.svc", -time.Minute, time.Hour), "is for webhook.elsewhere.svc, but is asked for as 127.0.0.1"},
		{certs.ForeignCA, issue(playgroundAuthority(t), "127.0.0.1", -time.Minute, time.Hour), "but the caBundle has only " + authority.Certificate.Subject.String()},
	}
	for _, tc := range cases {
		t.Run(string(tc.cause), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), storyTimeout)
			defer cancel()
			s := &story{T: t, stage: r.stage, ctx: ctx}
			files.swaps(t, tc.make)
			from := size(t, webhook.LogFile())
			// API servers keep connections, which have been judged already.
			s.must("kill the webhook", webhook.Kill())
			s.must("start it again", webhook.Start())
			s.eventually("it is ready", func(ctx context.Context) error {
				_, err := playground.Read(ctx, webhook.Health+"/readyz")
				return err
			})
			pod := newPod("")
			pod.GenerateName = "broken-"
			_, err := s.upstream.Client().CoreV1().Pods(corev1.NamespaceDefault).Create(s.ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			if err == nil || !strings.Contains(err.Error(), "labelled-pods.spillway.io") || !strings.Contains(err.Error(), "x509: ") {
				t.Errorf("the API server said %v, want a refusal that names the webhook and the certificate", err)
			}
			s.eventually("the log names the cause", func(context.Context) error { return tells(webhook, from, tc.cause, tc.says) })
			s.diagnosed(files, tc.cause)
			s.eventually("a metric counts it", func(ctx context.Context) error {
				return metricIs(ctx, webhook, fmt.Sprintf(`spillway_webhook_certificate_findings{cause=%q} `, tc.cause))
			})
		})
	}
}

// tells looks for both lines: what was judged, and why a client broke off.
func tells(webhook *playground.Webhook, from int64, cause certs.Cause, says string) error {
	text, err := os.ReadFile(webhook.LogFile())
	if err != nil {
		return err
	}
	var judged, refused bool
	for line := range strings.Lines(string(text[from:])) {
		fits := strings.Contains(line, string(cause)+": ") && strings.Contains(line, says)
		judged = judged || fits && strings.Contains(line, "Something is wrong with the serving certificate")
		refused = refused || fits && strings.Contains(line, "A client does not accept the serving certificate")
	}
	if !judged || !refused {
		return fmt.Errorf("judged: %t, refused: %t, in %s", judged, refused, text[from:])
	}
	return nil
}

// diagnosed has the same judged from the outside.
func (s *story) diagnosed(files *mounted, cause certs.Cause) {
	s.Helper()
	chain, err := os.ReadFile(files.dir + "/tls.crt")
	s.must("read the certificate", err)
	key, err := os.ReadFile(files.dir + "/tls.key")
	s.must("read the key", err)
	bundle, err := os.ReadFile(files.ca())
	s.must("read the CA", err)
	findings := certs.Diagnose(certs.Served{Chain: chain, Key: key}, certs.Trust{Bundle: bundle, Host: "127.0.0.1"}, time.Now())
	if len(findings) != 1 || findings[0].Cause != cause {
		s.Errorf("Diagnose() = %v, want %s", findings, cause)
	}
}

func metricIs(ctx context.Context, webhook *playground.Webhook, begins string) error {
	text, err := playground.Read(ctx, webhook.Metrics+"/metrics")
	if err != nil {
		return err
	}
	for line := range strings.Lines(text) {
		if count, found := strings.CutPrefix(line, begins); found && strings.TrimSpace(count) != "0" {
			return nil
		}
	}
	return errors.New("it does not")
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
