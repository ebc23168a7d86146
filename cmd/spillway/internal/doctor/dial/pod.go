// Package dial opens connections to pods through the API server, as kubectl
// port-forward does, without listening anywhere. It refuses to know what is spoken
// over them.
package dial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	constants "k8s.io/apimachinery/pkg/util/portforward"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/websocket"
	"k8s.io/streaming/pkg/httpstream"
	streamspdy "k8s.io/streaming/pkg/httpstream/spdy"
)

// Pod opens a connection to a port of a pod, through its API server. client-go has a forwarder that
// listens on a port of this machine, for everybody on it; this opens none.
func Pod(ctx context.Context, config *rest.Config, namespace, name string, port int32) (net.Conn, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("cannot make a client: %w", err)
	}
	address := client.CoreV1().RESTClient().Get().Resource("pods").Namespace(namespace).Name(name).SubResource("portforward").URL()
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
