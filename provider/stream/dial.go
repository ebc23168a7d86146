package stream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	constants "k8s.io/apimachinery/pkg/util/portforward"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/client-go/transport/websocket"
	"k8s.io/streaming/pkg/httpstream"
	streamspdy "k8s.io/streaming/pkg/httpstream/spdy"

	"github.com/spillway-io/spillway/provider/credentials"
)

// dialTimeout bounds the opening of a connection, TLS and upgrade included.
const dialTimeout = 30 * time.Second

// dialPortForward opens a connection to the port-forward subresource of the
// downstream pod. client-go has dialers for that, without contexts.
func (h *Handler) dialPortForward(ctx context.Context, t target) (httpstream.Connection, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	config, address := credentials.Now(h.config, h.subresource(t, "portforward", &corev1.PodPortForwardOptions{}))
	connection, err := dialWebSocket(ctx, config, address)
	if err != nil && isNoWebSocket(err) {
		connection, err = dialSPDY(ctx, config, address)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open the connection in the downstream cluster: %w", err)
	}
	return connection, nil
}

// dialWebSocket speaks SPDY inside of WebSocket messages, which passes proxies
// that know only the latter.
func dialWebSocket(ctx context.Context, config *rest.Config, address *url.URL) (httpstream.Connection, error) {
	transport, holder, err := websocket.RoundTripperFor(config)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	tunnel, err := websocket.Negotiate(transport, holder, request, constants.WebsocketsSPDYTunnelingPrefix+portforward.PortForwardProtocolV1Name)
	if err != nil {
		return nil, err
	}
	// The pings tell when the other end has gone without a word.
	connection, err := streamspdy.NewClientConnectionWithPings(portforward.NewTunnelingConnection("downstream", tunnel), portforward.PingPeriod)
	if err != nil {
		return nil, errors.Join(err, tunnel.Close())
	}
	return connection, nil
}

func dialSPDY(ctx context.Context, config *rest.Config, address *url.URL) (httpstream.Connection, error) {
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	connection, protocol, err := spdy.NegotiateStreaming(upgrader, &http.Client{Transport: transport}, request, portforward.PortForwardProtocolV1Name)
	if err != nil {
		return nil, err
	}
	if !strings.EqualFold(protocol, portforward.PortForwardProtocolV1Name) {
		return nil, errors.Join(fmt.Errorf("the downstream API server speaks the protocol %q", protocol), connection.Close())
	}
	return connection, nil
}
