package serve_test

import (
	"bufio"
	"testing"
)

// TestAnswersUnderWayAreNotCut: room is made by closing connections that wait for
// nothing, as long as there are any. API servers ask a Service by HTTP/1.1, with a
// connection for each request at a time.
func TestAnswersUnderWayAreNotCut(t *testing.T) {
	s := start(t, nil)
	held := make(chan error)
	go func() {
		_, _, err := s.posts(s.client(false), "/held", zeros(1), 1)
		held <- err
	}()
	<-s.entered
	for range 2 * limits().Connections {
		conn := s.sends("POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || line != "HTTP/1.1 200 OK\r\n" {
			t.Fatalf("a small request got %q, %v", line, err)
		}
	}
	close(s.released)
	if err := <-held; err != nil {
		t.Errorf("a request that was being judged got no answer, since others came after it: %v", err)
	}
}
