package stories

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"

	"github.com/spillway-io/spillway/certs"
)

const (
	admissionsASecond = 50
	handshakesASecond = 20
)

var errNotYet = errors.New("not yet")

// admissions are those of a while, and what was seen of certificates meanwhile.
type admissions struct {
	*replicated
	ctx     context.Context
	end     context.CancelFunc
	began   time.Time
	running sync.WaitGroup
	// lag is how far behind the caBundle is that handshakes trust.
	lag time.Duration

	mu                            sync.Mutex
	admitted, handshakes          int
	failures                      []string
	bundles                       []bundleAt
	served, signers, secretsValue map[string]bool
}

type bundleAt struct {
	at   time.Time
	text []byte
}

// admits has pods admitted and connections made for a while.
func (r *replicated) admits(t *testing.T, lag, length time.Duration) *admissions {
	t.Helper()
	a := &admissions{replicated: r, began: time.Now(), lag: lag, served: map[string]bool{}, signers: map[string]bool{}, secretsValue: map[string]bool{}}
	a.ctx, a.end = context.WithTimeout(t.Context(), length)
	t.Cleanup(a.end)
	if err := a.look(); err != nil {
		t.Fatal(err)
	}
	a.every(admissionsASecond, a.admitOne)
	a.every(handshakesASecond, a.shakeHands)
	a.every(10, a.look)
	return a
}

// every calls do so many times a second, each time in its own goroutine. A busy
// machine makes up for what it missed, but not all at once.
func (a *admissions) every(rate int, do func() error) {
	a.running.Go(func() {
		ticker := time.NewTicker(time.Second / time.Duration(rate))
		defer ticker.Stop()
		underWay := make(chan struct{}, rate)
		for called := 0; ; {
			select {
			case <-a.ctx.Done():
				return
			case <-ticker.C:
			}
			for ; called < int(time.Since(a.began).Seconds()*float64(rate)); called++ {
				underWay <- struct{}{}
				a.running.Go(func() {
					defer func() { <-underWay }()
					if err := do(); err != nil {
						a.fails(err)
					}
				})
			}
		}
	})
}

func (a *admissions) fails(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failures = append(a.failures, time.Since(a.began).Round(time.Millisecond).String()+": "+err.Error())
}

// after does something at a time of the while.
func (a *admissions) after(t *testing.T, wait time.Duration, do func()) {
	t.Helper()
	select {
	case <-time.After(time.Until(a.began.Add(wait))):
		do()
	case <-a.ctx.Done():
		t.Error("it was over before")
	}
}

func (a *admissions) ends(t *testing.T) {
	t.Helper()
	<-a.ctx.Done()
	a.running.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	t.Logf("%s: %d admissions, %d handshakes, %d failures, %d certificates of %d CAs served, %d caBundles",
		time.Since(a.began).Round(time.Second), a.admitted, a.handshakes, len(a.failures), len(a.served), len(a.signers), len(a.bundles))
	for _, failure := range a.failures[:min(5, len(a.failures))] {
		t.Error("failed after ", failure)
	}
	if a.admitted == 0 || a.handshakes == 0 {
		t.Error("nothing was tried")
	}
}

func (a *admissions) certificates() int { return len(a.served) }
func (a *admissions) authorities() int  { return len(a.signers) }

// admitOne asks for a pod that is not kept: it is the webhook's answer that counts.
func (a *admissions) admitOne() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(a.ctx), 30*time.Second)
	defer cancel()
	pod := newPod("")
	pod.GenerateName = "renewal-"
	created, err := a.upstream.Client().CoreV1().Pods(corev1.NamespaceDefault).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		return err
	}
	if len(created.Spec.Tolerations) == 0 {
		return errors.New("the pod was not handled")
	}
	a.mu.Lock()
	a.admitted++
	a.mu.Unlock()
	return nil
}

// look remembers the caBundle, as API servers that watch it do.
func (a *admissions) look() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(a.ctx), 30*time.Second)
	defer cancel()
	configuration, err := a.upstream.Client().AdmissionregistrationV1().MutatingWebhookConfigurations().Get(ctx, "spillway", metav1.GetOptions{})
	if err != nil {
		return err
	}
	secret, err := a.upstream.Client().CoreV1().Secrets("spillway-system").Get(ctx, certSecret, metav1.GetOptions{})
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	text := configuration.Webhooks[0].ClientConfig.CABundle
	if n := len(a.bundles); n == 0 || !bytes.Equal(a.bundles[n-1].text, text) {
		a.bundles = append(a.bundles, bundleAt{time.Now(), text})
	}
	for _, key := range []string{certs.AuthorityKeyKey, certs.PrivateKeyKey, certs.NextAuthorityKeyKey} {
		a.secretsValue[string(secret.Data[key])] = true
	}
	return nil
}

// trusted is the caBundle that an API server knows that lags behind.
func (a *admissions) trusted() []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	known := a.bundles[0].text
	for _, b := range a.bundles {
		if time.Since(b.at) >= a.lag {
			known = b.text
		}
	}
	return known
}

// shakeHands connects to whichever replica's turn it is, as API servers do when they
// have no connection.
func (a *admissions) shakeHands() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(a.ctx), 30*time.Second)
	defer cancel()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(a.trusted())
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: roots}}
	conn, err := dialer.DialContext(ctx, "tcp", strings.TrimPrefix(a.balancer.URL, "https://"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	over, ok := conn.(*tls.Conn)
	if !ok {
		return errors.New("not TLS")
	}
	leaf := over.ConnectionState().PeerCertificates[0]
	a.mu.Lock()
	defer a.mu.Unlock()
	a.handshakes++
	a.served[leaf.SerialNumber.String()] = true
	a.signers[leaf.Issuer.String()] = true
	return nil
}

// toldNoKeys: nothing of any key that was ever in the Secret is in a log.
func (r *replicated) toldNoKeys(t *testing.T, a *admissions) {
	t.Helper()
	for _, replica := range r.replicas {
		log, err := os.ReadFile(replica.LogFile())
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(log), "PRIVATE KEY") {
			t.Errorf("%s logged a private key", replica.Name())
		}
		for key := range a.secretsValue {
			for line := range strings.Lines(key) {
				if line = strings.TrimSpace(line); len(line) > 40 && strings.Contains(string(log), line) {
					t.Errorf("%s logged a part of a private key", replica.Name())
				}
			}
		}
	}
	if len(a.secretsValue) < 3 {
		t.Errorf("only %d keys were seen", len(a.secretsValue))
	}
}

func (r *replicated) createsSecret(t *testing.T) {
	t.Helper()
	if err := r.upstream.CreateNamespace(t.Context(), "spillway-system", nil); err != nil {
		t.Fatal(err)
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: certSecret}}
	if _, err := r.upstream.Client().CoreV1().Secrets("spillway-system").Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// changesSecret is what people do to it.
func (r *replicated) changesSecret(t *testing.T, change func(map[string][]byte)) {
	t.Helper()
	secrets := r.upstream.Client().CoreV1().Secrets("spillway-system")
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		secret, err := secrets.Get(t.Context(), certSecret, metav1.GetOptions{})
		if err != nil {
			return err
		}
		change(secret.Data)
		_, err = secrets.Update(t.Context(), secret, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func playgroundAuthority(t *testing.T) certs.Pair {
	t.Helper()
	authority, err := certs.NewAuthority(rand.Reader, time.Now(), 24*time.Hour, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return authority
}
