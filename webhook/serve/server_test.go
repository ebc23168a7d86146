package serve_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/certwatcher"

	"github.com/spillway-io/spillway/webhook/serve"
)

// limits are so small that a test reaches them soon.
func limits() serve.Limits {
	return serve.Limits{
		Arrival: 300 * time.Millisecond, Answer: 5 * time.Second, Idle: time.Minute,
		Body: 64 << 10, LargeBody: 16 << 10, LargeBodies: 1, Connections: 8, Streams: 10, BodiesEach: 2,
	}
}

// served is a server that answers with the number of bytes it was sent.
type served struct {
	*testing.T
	address string
	roots   *x509.CertPool
	// entered has an element for each request to /held, which is answered when
	// released is closed.
	entered, released chan struct{}
}

func start(t *testing.T, change func(*serve.Limits)) *served {
	t.Helper()
	dir := t.TempDir()
	s := &served{T: t, roots: writeCertificate(t, dir), address: freeAddress(t), entered: make(chan struct{}, 9), released: make(chan struct{})}
	certificates, err := certwatcher.New(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	o := serve.Options{Certificates: certificates, Limits: limits()}
	host, port, err := net.SplitHostPort(s.address)
	if err != nil {
		t.Fatal(err)
	}
	o.Address = host
	if o.Port, err = net.LookupPort("tcp", port); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&o.Limits)
	}
	server := serve.New(o)
	server.Register("/held", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		s.entered <- struct{}{}
		<-s.released
	}))
	server.Register("/size", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write([]byte(strings.Repeat("x", min(len(body), 9))))
	}))
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error)
	go func() { stopped <- server.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-stopped; err != nil {
			t.Errorf("Start() = %v", err)
		}
	})
	for server.StartedChecker()(nil) != nil {
		if t.Context().Err() != nil {
			t.Fatal("it does not start")
		}
	}
	return s
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func writeCertificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	for name, block := range map[string]*pem.Block{"tls.crt": {Type: "CERTIFICATE", Bytes: certificate}, "tls.key": {Type: "PRIVATE KEY", Bytes: private}} {
		text := pem.EncodeToMemory(block)
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if name == "tls.crt" {
			pool.AppendCertsFromPEM(text)
		}
	}
	return pool
}

// client is one as an API server has, or one that knows HTTP/1 only.
func (s *served) client(http2 bool) *http.Client {
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.roots}, ForceAttemptHTTP2: http2}
	s.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// posts a body; length is -1 if it is not told beforehand.
func (s *served) posts(client *http.Client, path string, body io.Reader, length int64) (code int, text string, err error) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), http.MethodPost, "https://"+s.address+path, body)
	if err != nil {
		s.Fatal(err)
	}
	r.ContentLength = length
	response, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, string(answer), err
}

// answersOthers: somebody with a small request is answered.
func (s *served) answersOthers(client *http.Client) {
	s.Helper()
	began := time.Now()
	code, text, err := s.posts(client, "/size", strings.NewReader("good"), 4)
	if err != nil || code != http.StatusOK || text != "xxxx" {
		s.Errorf("a good request got %d, %q, %v", code, text, err)
	}
	if took := time.Since(began); took > 5*time.Second {
		s.Errorf("a good request took %s", took)
	}
}

// dials a connection that speaks HTTP/1, up to the end of its handshake.
func (s *served) dials() net.Conn {
	s.Helper()
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: s.roots}}
	conn, err := dialer.DialContext(s.Context(), "tcp", s.address)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = conn.Close() })
	return conn
}

// isCut waits until the server has closed a connection, and returns what it said.
func (s *served) isCut(conn net.Conn) string {
	s.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		s.Fatal(err)
	}
	said, err := io.ReadAll(conn)
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() { //nolint:errorlint // As the package net documents it.
		s.Error("the connection is still open")
	}
	return string(said)
}

func zeros(n int) io.Reader { return bytes.NewReader(make([]byte, n)) }
