package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	constants "k8s.io/apimachinery/pkg/util/portforward"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/websocket"
	"k8s.io/streaming/pkg/httpstream"
	streamspdy "k8s.io/streaming/pkg/httpstream/spdy"

	"github.com/spillway-io/spillway/certs"
)

// dial asks an address for its certificate.
func (g gatherer) dial(ctx context.Context, address, host string) Place {
	return ask(ctx, address, host, func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	})
}

// dialPod asks a pod for its certificate, through the API server.
func (g gatherer) dialPod(ctx context.Context, pod *corev1.ObjectReference, port int32, host string) Place {
	return ask(ctx, "pod "+pod.Namespace+"/"+pod.Name, host, func(ctx context.Context) (net.Conn, error) {
		address := g.client.CoreV1().RESTClient().Get().Resource("pods").Namespace(pod.Namespace).Name(pod.Name).SubResource("portforward").URL()
		return forward(ctx, g.options.Config, address, port)
	})
}

// ask returns the certificate that somebody shows to a client who wants host.
func ask(ctx context.Context, name, host string, open func(context.Context) (net.Conn, error)) Place {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	chain, err := handshake(ctx, host, open)
	if err == nil {
		return Place{Name: name, Served: certs.Served{Chain: chain}}
	}
	trouble := Trouble{NotReached, "cannot be asked for its certificate: " + err.Error()}
	if apierrors.IsForbidden(err) {
		trouble.Cause = NotAllowed
	}
	return Place{Name: name, Trouble: &trouble}
}

func handshake(ctx context.Context, host string, open func(context.Context) (net.Conn, error)) ([]byte, error) {
	connection, err := open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = connection.Close() }() // Nothing was written that could be lost.
	// Verified by nobody here: a certificate that is wrong is what is looked for.
	client := tls.Client(connection, &tls.Config{ServerName: host, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
	if err := client.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("no TLS: %w", err)
	}
	var der [][]byte
	for _, certificate := range client.ConnectionState().PeerCertificates {
		der = append(der, certificate.Raw)
	}
	return certs.EncodeChain(der), nil
}

// forward opens a connection to a port of a pod. client-go has a forwarder that
// listens on a port of this machine, for everybody on it; this opens none.
func forward(ctx context.Context, config *rest.Config, address *url.URL, port int32) (net.Conn, error) {
	transport, holder, err := websocket.RoundTripperFor(config)
	if err != nil {
		return nil, fmt.Errorf("cannot make a client: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("cannot make a request: %w", err)
	}
	tunnel, err := websocket.Negotiate(transport, holder, request, constants.WebsocketsSPDYTunnelingPrefix+portforward.PortForwardProtocolV1Name)
	if err != nil {
		return nil, fmt.Errorf("cannot port-forward: %w", err)
	}
	connection, err := streamspdy.NewClientConnection(portforward.NewTunnelingConnection("doctor", tunnel))
	if err != nil {
		return nil, fmt.Errorf("cannot port-forward: %w", errors.Join(err, tunnel.Close()))
	}
	data, err := openPort(connection, port)
	if err != nil {
		return nil, fmt.Errorf("cannot port-forward: %w", errors.Join(err, connection.Close()))
	}
	return &forwarded{Stream: data, connection: connection}, nil
}

// openPort begins a connection to a port. The order, and that the stream of
// complaints is closed for writing at once, is the protocol's.
func openPort(connection httpstream.Connection, port int32) (httpstream.Stream, error) {
	header := http.Header{}
	header.Set(corev1.PortHeader, strconv.Itoa(int(port)))
	header.Set(corev1.PortForwardRequestIDHeader, "0")
	header.Set(corev1.StreamType, corev1.StreamTypeError)
	complaints, err := connection.CreateStream(header)
	if err != nil {
		return nil, err
	}
	if err := complaints.Close(); err != nil {
		return nil, err
	}
	header.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := connection.CreateStream(header)
	if err != nil {
		return nil, err
	}
	return &complaining{Stream: data, complaints: complaints}, nil
}

// complaining is a stream whose end is explained by what the kubelet says beside it.
type complaining struct {
	httpstream.Stream
	complaints io.Reader
}

func (c *complaining) Read(p []byte) (int, error) {
	n, err := c.Stream.Read(p)
	if n > 0 || !errors.Is(err, io.EOF) {
		return n, err
	}
	// The kubelet ends both; when the connection is closed, both end too.
	if said, readErr := io.ReadAll(c.complaints); readErr == nil && len(said) > 0 {
		return 0, errors.New(string(said))
	}
	return 0, err
}

// forwarded is a stream as a connection. It ends by Close, also of a TLS client
// whose context ends; there are no deadlines.
type forwarded struct {
	httpstream.Stream
	connection httpstream.Connection
}

func (f *forwarded) Close() error { return f.connection.Close() }

func (*forwarded) LocalAddr() net.Addr { return &net.TCPAddr{} }

func (*forwarded) RemoteAddr() net.Addr { return &net.TCPAddr{} }

func (*forwarded) SetDeadline(time.Time) error { return nil }

func (*forwarded) SetReadDeadline(time.Time) error { return nil }

func (*forwarded) SetWriteDeadline(time.Time) error { return nil }
