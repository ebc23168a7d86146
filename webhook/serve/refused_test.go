package serve_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr/funcr"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/webhook/serve"
)

// overheard is a witness, and a log at the level that everybody has.
type overheard struct {
	mu     sync.Mutex
	alerts []string
	lines  []string
}

func (h *overheard) Refused(alert string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.alerts = append(h.alerts, alert)
}

func (*overheard) Why(_ context.Context, serverName string) string {
	return "the caBundle for " + serverName + " is empty"
}

func (h *overheard) log(_, line string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, line)
}

func (h *overheard) told() (alerts int, lines []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, line := range h.lines {
		if strings.Contains(line, "does not accept") {
			lines = append(lines, line)
		}
	}
	return len(h.alerts), lines
}

// TestRefused: clients that do not accept the certificate are told of, with the
// likely cause, once a minute; those that go away in the middle are not.
func TestRefused(t *testing.T) {
	dir, address, h := t.TempDir(), freeAddress(t), &overheard{}
	roots := writeCertificate(t, dir)
	certificates, err := certwatcher.New(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	o := serve.Options{Address: host, Certificates: certificates, Witness: h}
	if o.Port, err = net.LookupPort("tcp", port); err != nil {
		t.Fatal(err)
	}
	server := serve.New(o)
	ctx, stop := context.WithCancel(logf.IntoContext(t.Context(), funcr.New(h.log, funcr.Options{})))
	stopped := make(chan error)
	go func() { stopped <- server.Start(ctx) }()
	for server.StartedChecker()(nil) != nil {
		if t.Context().Err() != nil {
			t.Fatal("it does not start")
		}
	}

	dial := func(config *tls.Config) error {
		conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", address)
		if err == nil {
			err = conn.Close()
		}
		return err
	}
	for range 3 {
		if err := dial(&tls.Config{ServerName: "webhook.ns.svc", RootCAs: x509.NewCertPool()}); err == nil {
			t.Fatal("a client that trusts nobody connects")
		}
	}
	silent, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_ = silent.Close()
	if err := dial(&tls.Config{RootCAs: roots}); err != nil {
		t.Errorf("one that trusts it does not: %v", err)
	}
	alerts, lines := h.told()
	for alerts < 3 && t.Context().Err() == nil {
		if err := dial(&tls.Config{RootCAs: roots}); err != nil {
			t.Fatal(err)
		}
		alerts, lines = h.told()
	}
	stop()
	if err := <-stopped; err != nil {
		t.Errorf("Start() = %v", err)
	}
	if alerts != 3 || len(lines) != 1 {
		t.Fatalf("%d alerts, want 3; %d lines, want 1: %q", alerts, len(lines), lines)
	}
	for _, want := range []string{`"alert"="bad certificate"`, `"asksFor"="webhook.ns.svc"`, `"times"=1`, `"likelyCause"="the caBundle for webhook.ns.svc is empty"`} {
		if !strings.Contains(lines[0], want) {
			t.Errorf("%s lacks %s", lines[0], want)
		}
	}
}

// none has no certificate yet.
type none struct{ started chan struct{} }

func (none) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return nil, errors.New("there is none yet")
}

func (n none) Start(ctx context.Context) error {
	close(n.started)
	<-ctx.Done()
	return nil
}

// TestNotReadyWithoutCertificate: a server without one runs, and is not ready.
func TestNotReadyWithoutCertificate(t *testing.T) {
	source := none{make(chan struct{})}
	server := serve.New(serve.Options{Address: "127.0.0.1", Certificates: source})
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error)
	go func() { stopped <- server.Start(ctx) }()
	<-source.started
	if err := server.StartedChecker()(nil); err == nil {
		t.Error("it is ready")
	}
	stop()
	if err := <-stopped; err != nil {
		t.Errorf("Start() = %v", err)
	}
}
