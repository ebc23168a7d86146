package containers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"
)

// tunnel is a running port-forward to a pod.
type tunnel struct {
	port uint16
	// stop ends it; ends waits until it ends by itself.
	stop, ends func() error
}

// dialers are the two ways in which kubectl connects, the new one first.
func (s *story) dialers(pod string) map[string]httpstream.Dialer {
	s.Helper()
	config := s.upstream.AdminConfig()
	address := s.upstream.Client().CoreV1().RESTClient().Post().Resource("pods").Namespace(s.namespace).Name(pod).SubResource("portforward").URL()
	socket, err := portforward.NewSPDYOverWebsocketDialerForStreaming(address, config)
	s.must("make a dialer", err)
	transport, upgrader, err := spdy.RoundTripperFor(config)
	s.must("make a dialer", err)
	return map[string]httpstream.Dialer{
		"WebSocket": socket,
		"SPDY":      spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, address),
	}
}

// forwards opens a local port that leads to one of the pod's.
func (s *story) forwards(dialer httpstream.Dialer, port int) tunnel {
	s.Helper()
	stop, ready := make(chan struct{}), make(chan struct{})
	forwarder, err := portforward.NewForStreaming(dialer, []string{fmt.Sprintf("0:%d", port)}, stop, ready, io.Discard, io.Discard)
	s.must("set up the port-forward", err)
	ended := make(chan error, 1)
	go func() { ended <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-ended:
		s.Fatalf("the port-forward ended: %v", err)
	case <-s.ctx.Done():
		s.Fatal("no port-forward came to be")
	}
	ports, err := forwarder.GetPorts()
	s.must("find the port", err)
	ends := func() error {
		select {
		case err := <-ended:
			return err
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
	return tunnel{port: ports[0].Local, stop: func() error { close(stop); return <-ended }, ends: ends}
}

// asks makes one request through a local port.
func asks(ctx context.Context, port uint16, path string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/%s", port, path), http.NoBody)
	if err != nil {
		return "", err
	}
	// Each request has a connection of its own.
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	content, err := io.ReadAll(response.Body)
	return string(content), err
}

const server = `[{name: app, image: "app:1", volumeMounts: [{name: state, mountPath: /www}],
    command: [sh, -c, "seq 1 100000 > /www/numbers; httpd -f -p 8080 -h /www"], readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}}]`

// TestPortForward: many connections at a time reach a port of the pod, by either
// protocol; a port where nobody listens says so.
func TestPortForward(t *testing.T) {
	s := tell(t, stage.up)
	s.runsPod("server", "Always", server)
	want := s.kubectl(s.upstream, "", "exec", "server", "--", "cat", "/www/numbers")
	for name, dialer := range s.dialers("server") {
		through := s.forwards(dialer, 8080)
		var group errgroup.Group
		for range 8 {
			group.Go(func() error {
				got, err := asks(s.ctx, through.port, "numbers")
				if err == nil && got != want {
					err = fmt.Errorf("%d bytes came, want %d", len(got), len(want))
				}
				return err
			})
		}
		if err := group.Wait(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := through.stop(); err != nil {
			t.Errorf("%s: the port-forward ended with %v", name, err)
		}
	}
	for name, dialer := range s.dialers("server") {
		nowhere := s.forwards(dialer, 8081)
		if got, err := asks(s.ctx, nowhere.port, "numbers"); err == nil {
			t.Errorf("%s: a port where nobody listens answers %q", name, got)
		}
		// kubectl gives the whole port-forward up, a moment after the connection.
		if err := nowhere.ends(); !errors.Is(err, portforward.ErrLostConnectionToPod) {
			t.Errorf("%s: the port-forward to it ended with %v", name, err)
		}
	}
}
