package stories

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"
)

// address is that of a pod's subresource.
func (s *story) address(pod, subresource string, options runtime.Object) *rest.Request {
	request := s.upstream.Client().CoreV1().RESTClient().Post().Resource("pods").Namespace(s.namespace).Name(pod).SubResource(subresource)
	if options != nil {
		request = request.VersionedParams(options, scheme.ParameterCodec)
	}
	return request
}

// executors are the two ways in which kubectl connects to a pod's streams.
func (s *story) executors(address *rest.Request) map[string]remotecommand.Executor {
	s.Helper()
	socket, err := remotecommand.NewWebSocketExecutor(s.upstream.AdminConfig(), http.MethodGet, address.URL().String())
	s.must("make an executor", err)
	spdy, err := remotecommand.NewSPDYExecutor(s.upstream.AdminConfig(), http.MethodPost, address.URL())
	s.must("make an executor", err)
	return map[string]remotecommand.Executor{"WebSocket": socket, "SPDY": spdy}
}

// screen keeps what is printed and calls said with all of it.
type screen struct {
	said func(text string)

	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.text.Write(p)
	if s.said != nil {
		s.said(s.text.String())
	}
	return n, err
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// TestAttach: who attaches reads what the container prints from then on, until they
// go.
func TestAttach(t *testing.T) {
	s := tell(t, nil)
	s.runsOnEast("speaker")
	options := &corev1.PodAttachOptions{Container: "app", Stdout: true}
	for name, executor := range s.executors(s.address("speaker", "attach", options)) {
		ctx, stop := context.WithCancel(s.ctx)
		output, ended := &screen{}, make(chan error, 1)
		go func() { ended <- executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: output}) }()
		s.eventually("who attaches by "+name+" reads", func(context.Context) error {
			if strings.HasSuffix(output.String(), name+" speaks\n") {
				return nil
			}
			select {
			case err := <-ended:
				s.Fatalf("%s: nobody is attached any more: %v", name, err)
			default:
			}
			s.prints("screen.log", name+" speaks")
			return fmt.Errorf("one reads %q", output)
		})
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: who goes is told %v", name, err)
		}
	}
}

// dialers are the two ways in which kubectl connects to a pod's ports.
func (s *story) dialers(pod string) map[string]httpstream.Dialer {
	s.Helper()
	config, address := s.upstream.AdminConfig(), s.address(pod, "portforward", nil).URL()
	socket, err := portforward.NewSPDYOverWebsocketDialerForStreaming(address, config)
	s.must("make a dialer", err)
	transport, upgrader, err := spdy.RoundTripperFor(config)
	s.must("make a dialer", err)
	return map[string]httpstream.Dialer{
		"WebSocket": socket,
		"SPDY":      spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, address),
	}
}

// TestPortForward: many connections at a time reach a port of the pod, by either
// protocol; a port where nobody listens says so.
func TestPortForward(t *testing.T) {
	s := tell(t, nil)
	s.runsOnEast("server")
	for name, dialer := range s.dialers("server") {
		port, stop, ended := s.forwards(dialer, 8080)
		var group errgroup.Group
		for i := range 8 {
			group.Go(func() error {
				want := strings.Repeat(fmt.Sprintf("connection %d says something.\n", i), 5000)
				got, err := hears(s.ctx, port, want)
				if err == nil && got != want {
					err = fmt.Errorf("of %d bytes %d came back", len(want), len(got))
				}
				return err
			})
		}
		if err := group.Wait(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		close(stop)
		if err := <-ended; err != nil {
			t.Errorf("%s: the port-forward ended with %v", name, err)
		}
	}
	for name, dialer := range s.dialers("server") {
		port, _, ended := s.forwards(dialer, 8081)
		if got, _ := hears(s.ctx, port, "hello"); got != "" {
			t.Errorf("%s: a port where nobody listens says %q", name, got)
		}
		// kubectl gives the whole port-forward up, a moment after the connection.
		if err := <-ended; !errors.Is(err, portforward.ErrLostConnectionToPod) {
			t.Errorf("%s: the port-forward to it ended with %v", name, err)
		}
	}
}

// forwards opens a local port that leads to one of the pod's, until stop is closed.
func (s *story) forwards(dialer httpstream.Dialer, to int) (port uint16, stop chan struct{}, ended <-chan error) {
	s.Helper()
	stop, ready, end := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	forwarder, err := portforward.NewForStreaming(dialer, []string{fmt.Sprintf("0:%d", to)}, stop, ready, io.Discard, io.Discard)
	s.must("set up the port-forward", err)
	go func() { end <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-end:
		s.Fatalf("the port-forward ended: %v", err)
	case <-s.ctx.Done():
		s.Fatal("no port-forward came to be")
	}
	ports, err := forwarder.GetPorts()
	s.must("find the port", err)
	return ports[0].Local, stop, end
}

// hears says something through a local port and returns what comes back.
func hears(ctx context.Context, port uint16, says string) (string, error) {
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return "", err
	}
	defer func() { _ = connection.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = connection.Close() })
	defer stop()
	var group errgroup.Group
	group.Go(func() error {
		if _, err := io.WriteString(connection, says); err != nil {
			return err
		}
		return connection.(*net.TCPConn).CloseWrite()
	})
	heard, err := io.ReadAll(connection)
	return string(heard), errors.Join(err, group.Wait())
}
