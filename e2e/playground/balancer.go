package playground

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync"
)

// Balancer is one address for several webhook replicas, as a Service is: each
// connection goes to the next backend that takes it, and breaks when that one
// is killed. Its address and its certificate stay the same whichever replicas
// come and go.
type Balancer struct {
	// URL is where API servers reach the replicas, CA the file of the
	// certificate that vouches for them.
	URL, CA string

	certs    string
	listener net.Listener
	ctx      context.Context // the balancer's life, and that of all its connections
	end      context.CancelFunc
	serving  sync.WaitGroup

	mu       sync.Mutex
	backends []string
	next     int
}

// StartBalancer starts a balancer without backends for webhooks of upstream;
// StartWebhook adds them. Its port is its own until upstream is stopped.
func StartBalancer(ctx context.Context, upstream *Cluster) (*Balancer, error) {
	certs := filepath.Join(upstream.dir, "balancer-certs")
	if err := ServingCert(certs, "127.0.0.1"); err != nil {
		return nil, err
	}
	return startBalancer(ctx, upstream, certs)
}

// StartAnother starts a balancer with the certificate of b and an address of its own.
func (b *Balancer) StartAnother(ctx context.Context, upstream *Cluster) (*Balancer, error) {
	return startBalancer(ctx, upstream, b.certs)
}

func startBalancer(ctx context.Context, upstream *Cluster, certs string) (*Balancer, error) {
	address, err := upstream.reserved.TakeAddress()
	if err != nil {
		return nil, err
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot start the balancer: %w", err)
	}
	b := &Balancer{URL: "https://" + address, CA: filepath.Join(certs, "ca.crt"), certs: certs, listener: listener}
	b.ctx, b.end = context.WithCancel(context.WithoutCancel(ctx))
	b.serving.Go(b.accept)
	return b, nil
}

// Stop breaks all connections and returns when nothing of the balancer runs any
// more.
func (b *Balancer) Stop(context.Context) error {
	b.end()
	err := b.listener.Close()
	b.serving.Wait()
	return err
}

func (b *Balancer) add(backend string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.backends = append(b.backends, backend)
}

func (b *Balancer) accept() {
	for {
		incoming, err := b.listener.Accept()
		if err != nil {
			return // closed by Stop
		}
		b.serving.Go(func() { b.serve(incoming) })
	}
}

// serve passes bytes both ways until either side ends.
func (b *Balancer) serve(incoming net.Conn) {
	outgoing, err := b.dial()
	if err != nil {
		_ = incoming.Close() // what a Service without endpoints does to its clients
		return
	}
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	context.AfterFunc(ctx, func() { _ = errors.Join(incoming.Close(), outgoing.Close()) })
	var directions sync.WaitGroup
	for _, d := range []struct{ to, from net.Conn }{{outgoing, incoming}, {incoming, outgoing}} {
		directions.Go(func() {
			defer cancel()
			_, _ = io.Copy(d.to, d.from) // an error is the other side's end
		})
	}
	directions.Wait()
}

// dial connects to the next backend that is alive.
func (b *Balancer) dial() (net.Conn, error) {
	var errs []error
	for _, backend := range b.turn() {
		var dialer net.Dialer
		connection, err := dialer.DialContext(b.ctx, "tcp", backend)
		if err == nil {
			return connection, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(append(errs, errors.New("no backend answers"))...)
}

// turn returns all backends, the next one first.
func (b *Balancer) turn() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var order []string
	for i := range b.backends {
		order = append(order, b.backends[(b.next+i)%len(b.backends)])
	}
	b.next++
	return order
}
