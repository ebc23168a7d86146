package certificates

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/spillway-io/spillway/certs"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/dial"
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
		return dial.Pod(ctx, g.config, pod.Namespace, pod.Name, port)
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
