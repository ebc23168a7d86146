package stories

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// hostileClients: of more connections than the webhook keeps, none of which sends a
// whole request, those that began one are cut off, and what is too large is refused;
// meanwhile pods are admitted as ever. Others may stay as long as there is room, as
// those of API servers do that were opened in a hurry.
func (f *underFire) hostileClients(t *testing.T) {
	s := tellOn(t, f.stage, nil)
	owner := s.appliesCloneSet(1000)
	h := &hostile{story: s, address: strings.TrimPrefix(f.webhook.URL, "https://"), trust: f.trust(t)}
	const each, post = 150, "POST /mutate-pods HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
	var sending sync.WaitGroup
	for text, asks := range map[string]bool{
		"": false,
		"POST /mutate-pods HTTP/1.1\r\nHost: x\r\nContent-":     false,
		fmt.Sprintf(post, 60<<10) + strings.Repeat("x", 50<<10): true,
		fmt.Sprintf(post, 6<<20) + strings.Repeat("x", 100<<10): true,
	} {
		sending.Go(func() {
			for range each {
				h.sends(text, asks)
			}
		})
	}
	const pods = 2 * parallel
	all := s.createsInParallel(pods, parallel, owner)
	sending.Wait()
	f.holdsLittle(t, fmt.Sprintf("%d pods beside %d hostile connections: p50 %s, p99 %s", pods, 4*each, percentile(took(all), 0.5), percentile(took(all), 0.99)), 600<<20)
	h.areCut()
	for what, size := range map[string]int64{"8 MiB": 8 << 20, "no end": -1} {
		if code, err := h.posts(size); err == nil && code != http.StatusRequestEntityTooLarge {
			t.Errorf("a body of %s got %d", what, code)
		}
	}
}

func (f *underFire) trust(t *testing.T) *x509.CertPool {
	t.Helper()
	ca, err := os.ReadFile(f.webhook.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	return pool
}

// hostile are clients of a webhook that mean it no good.
type hostile struct {
	*story
	address string
	trust   *x509.CertPool

	mu sync.Mutex
	// asking are the connections on which a request has begun.
	asking []net.Conn
}

// sends opens a connection, sends that over it, and nothing more. The webhook may
// have cut it off by then.
func (h *hostile) sends(text string, asks bool) {
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: h.trust}}
	conn, err := dialer.DialContext(h.ctx, "tcp", h.address)
	if err != nil {
		return
	}
	h.Cleanup(func() { _ = conn.Close() })
	_, _ = io.WriteString(conn, text)
	h.mu.Lock()
	defer h.mu.Unlock()
	if asks {
		h.asking = append(h.asking, conn)
	}
}

// areCut waits until no connection is open on which a request has begun.
func (h *hostile) areCut() {
	h.Helper()
	deadline, open := time.Now().Add(20*time.Second), 0
	for _, conn := range h.asking {
		if err := conn.SetReadDeadline(deadline); err != nil {
			h.Error(err)
		}
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			open++
		}
	}
	if open > 0 {
		h.Errorf("%d of %d connections on which a request has begun are still open", open, len(h.asking))
	}
}

// posts a body of that size, or an endless one.
func (h *hostile) posts(size int64) (code int, err error) {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: h.trust}, ForceAttemptHTTP2: true, DisableKeepAlives: true}}
	var body io.Reader = endless{}
	if size > 0 {
		body = io.LimitReader(body, size)
	}
	request, err := http.NewRequestWithContext(h.ctx, http.MethodPost, "https://"+h.address+"/mutate-pods", body)
	if err != nil {
		return 0, err
	}
	request.ContentLength = size
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// endless is a body without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
