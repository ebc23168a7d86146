package serve_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spillway-io/spillway/webhook/serve"
)

func TestBodies(t *testing.T) {
	s := start(t, nil)
	cases := map[string]struct {
		reason string
		body   func() io.Reader
		length int64
		code   int
		text   string
	}{
		"small":     {"most are", func() io.Reader { return zeros(100) }, 100, 200, "xxxxxxxxx"},
		"none":      {"judged by who is asked", func() io.Reader { return zeros(0) }, 0, 200, ""},
		"large":     {"comes through whole", func() io.Reader { return zeros(60 << 10) }, 60 << 10, 200, "xxxxxxxxx"},
		"at-limit":  {"just fits", func() io.Reader { return zeros(64 << 10) }, -1, 200, "xxxxxxxxx"},
		"oversized": {"refused by what it says of itself", func() io.Reader { return zeros(64<<10 + 1) }, 64<<10 + 1, 413, "the request is larger than the limit of 65536 bytes\n"},
		"untold":    {"refused when it is too much", func() io.Reader { return zeros(64<<10 + 1) }, -1, 413, "the request is larger than the limit of 65536 bytes\n"},
		"endless":   {"and not read any further", func() io.Reader { return endless{} }, -1, 413, "the request is larger than the limit of 65536 bytes\n"},
	}
	for name, tc := range cases {
		for _, http2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/http2-%t", name, http2), func(t *testing.T) {
				code, text, err := s.posts(s.client(http2), "/size", tc.body(), tc.length)
				if cutWhileSending := err != nil && tc.code == 413; !cutWhileSending && (err != nil || code != tc.code || text != tc.text) {
					t.Errorf("%s: answered %d, %q, %v; want %d, %q", tc.reason, code, text, err, tc.code, tc.text)
				}
			})
		}
	}
	s.answersOthers(s.client(true))
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// TestSlowClients: everything that does not come in time is cut off.
func TestSlowClients(t *testing.T) {
	s := start(t, func(l *serve.Limits) { l.Idle = l.Arrival })
	const headers = "POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
	cases := map[string]struct {
		reason string
		sends  string
		answer string
	}{
		"nothing": {"after the handshake", "", ""},
		"headers": {"half of them", headers, ""},
		"body":    {"told why, if there is a request to answer to", headers + "\r\nhalf a body", "408 Request Timeout"},
		"chunks":  {"of a body of unknown length", "POST /size HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf", "408 Request Timeout"},
		"garbage": {"that is no HTTP", "\x00\x01\x02\r\n\r\n", "400 Bad Request"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			conn := s.dials()
			if _, err := io.WriteString(conn, tc.sends); err != nil {
				t.Fatal(err)
			}
			if said := s.isCut(conn); !strings.Contains(said, tc.answer) {
				t.Errorf("%s: the server said %q, want %q", tc.reason, said, tc.answer)
			}
		})
	}
	for name, sends := range map[string]string{"no-handshake": "", "half-a-handshake": "\x16\x03\x01\x02\x00\x01", "no-tls": "GET / HTTP/1.1\r\n\r\n"} {
		t.Run(name, func(t *testing.T) {
			conn := s.dialsPlain()
			if _, err := io.WriteString(conn, sends); err != nil {
				t.Fatal(err)
			}
			s.isCut(conn)
		})
	}
}

func (s *served) dialsPlain() net.Conn {
	s.Helper()
	conn, err := new(net.Dialer).DialContext(s.Context(), "tcp", s.address)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestManyAtOnce: many times as many connections as there may be keep the server
// from nothing, whatever they wait for.
func TestManyAtOnce(t *testing.T) {
	const slow = "POST /size HTTP/1.1\r\nHost: x\r\n"
	attacks := map[string]func(*served) net.Conn{
		"no-handshake": (*served).dialsPlain,
		"idle":         (*served).dials,
		"slow-headers": func(s *served) net.Conn { return s.sends(slow) },
		"slow-body":    func(s *served) net.Conn { return s.sends(slow + "Content-Length: 100\r\n\r\nhalf") },
		"slow-large": func(s *served) net.Conn {
			return s.sends(slow + "Content-Length: 50000\r\n\r\n" + strings.Repeat("x", 20000))
		},
		"used-and-quiet": func(s *served) net.Conn { return s.sends(slow + "Content-Length: 1\r\n\r\nx") },
	}
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			// Room is made by closing connections only, not by their deadlines.
			s := start(t, func(l *serve.Limits) { l.Arrival = time.Minute })
			good := s.client(true)
			var first net.Conn
			for range 6 {
				s.answersOthers(good)
				for range limits().Connections - 2 {
					if conn := attack(s); first == nil {
						first = conn
					}
				}
			}
			s.answersOthers(s.client(false))
			s.isCut(first)
		})
	}
}

func (s *served) sends(text string) net.Conn {
	s.Helper()
	conn := s.dials()
	if _, err := io.WriteString(conn, text); err != nil {
		s.Fatal(err)
	}
	return conn
}

// TestLargeBodiesWaitForEachOther: and small ones do not wait for them.
func TestLargeBodiesWaitForEachOther(t *testing.T) {
	s := start(t, nil)
	held := make(chan int)
	large := func(path string) (code int, text string, err error) {
		return s.posts(s.client(true), path, zeros(60<<10), 60<<10)
	}
	go func() {
		code, _, err := large("/held")
		if err != nil {
			t.Error(err)
		}
		held <- code
	}()
	<-s.entered
	s.answersOthers(s.client(true))
	if code, text, err := large("/size"); code != http.StatusServiceUnavailable || text != "too many requests of this kind at a time; try again\n" {
		t.Errorf("a second large body: %d, %q, %v", code, text, err)
	}
	close(s.released)
	if code := <-held; code != http.StatusOK {
		t.Errorf("the first large body got %d", code)
	}
	if code, text, err := large("/size"); code != http.StatusOK {
		t.Errorf("the next large body: %d, %q, %v", code, text, err)
	}
}
