package serve_test

import (
	"io"
	"strings"
	"testing"
	"time"
)

// TestRestedConnection: clients open more connections than they need at first, and
// ask by them later. When a request comes after the time that it may take to arrive,
// that time has not begun before.
func TestRestedConnection(t *testing.T) {
	s := start(t, nil)
	conn := s.dials()
	for round, rest := range []time.Duration{limits().Arrival * 3 / 2, limits().Arrival / 2} {
		select {
		case <-time.After(rest):
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
		for _, part := range []string{"POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n", "full"} {
			if _, err := io.WriteString(conn, part); err != nil {
				t.Fatalf("round %d: the connection is closed: %v", round, err)
			}
		}
		answer := make([]byte, 1024)
		if n, err := conn.Read(answer); err != nil || !strings.HasPrefix(string(answer[:n]), "HTTP/1.1 200 OK") {
			t.Fatalf("round %d: the server says %q, %v", round, answer[:n], err)
		}
	}
}
