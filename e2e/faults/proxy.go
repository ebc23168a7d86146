package faults

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"sync"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/spillway-io/spillway/e2e/playground"
)

// Options describe a proxy. All must be set but Seed.
type Options struct {
	// Name names the proxy in its kubeconfig, and its folder.
	Name string
	// Dir receives a folder of that name with the certificates and the kubeconfig.
	Dir string
	// Target is how the proxy reaches the API server and as whom: the user that the
	// process would be without the proxy, so that it gets no further rights.
	Target *rest.Config
	// Seed makes the random choices repeatable.
	Seed uint64
}

// Proxy is the way of one process to one API server. Its methods may be called
// from several goroutines.
type Proxy struct {
	kubeconfig string
	token      string
	address    *net.TCPAddr
	server     *http.Server
	transport  map[bool]http.RoundTripper // by whether the request wants an upgrade
	reverse    *httputil.ReverseProxy

	ctx context.Context // the proxy's life
	end context.CancelFunc

	connections connections
	tally       tally
	state       *state

	mu        sync.Mutex // guards what follows
	ports     playground.Ports
	listening net.Listener // nil while refused
	refusals  int
	stopped   bool
	accepting sync.WaitGroup
	err       error // that of listening again
}

// Start starts a proxy on a port of its own on 127.0.0.1. It outlives ctx: Stop
// must be called.
func Start(ctx context.Context, o Options) (*Proxy, error) {
	p := &Proxy{token: rand.Text(), state: newState(o.Seed)}
	p.ctx, p.end = context.WithCancel(context.WithoutCancel(ctx))
	if err := p.start(o); err != nil {
		p.end()
		return nil, errors.Join(fmt.Errorf("cannot start the proxy %s: %w", o.Name, err), p.ports.Release())
	}
	return p, nil
}

func (p *Proxy) start(o Options) error {
	port, err := p.ports.Take()
	if err != nil {
		return err
	}
	p.address = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
	dir := filepath.Join(o.Dir, o.Name)
	if err := p.connect(o.Target); err != nil {
		return err
	}
	if err := playground.ServingCert(dir, "127.0.0.1"); err != nil {
		return err
	}
	certificate, err := tls.LoadX509KeyPair(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
	if err != nil {
		return fmt.Errorf("cannot read the certificate: %w", err)
	}
	if err := p.writeKubeconfig(dir, o.Name); err != nil {
		return err
	}
	p.server = &http.Server{
		Handler: http.HandlerFunc(p.serve),
		TLSConfig: &tls.Config{
			MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2", "http/1.1"},
		},
		BaseContext: func(net.Listener) context.Context { return p.ctx },
		ConnContext: withConnection,
		ErrorLog:    log.New(io.Discard, "", 0), // connections break here on purpose
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.listen()
}

// connect prepares the way to the API server.
func (p *Proxy) connect(config *rest.Config) error {
	target, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return fmt.Errorf("cannot read the address of the API server: %w", err)
	}
	upgradable := rest.CopyConfig(config)
	upgradable.NextProtos = []string{"http/1.1"}
	p.transport = map[bool]http.RoundTripper{}
	for upgrades, config := range map[bool]*rest.Config{false: config, true: upgradable} {
		if p.transport[upgrades], err = rest.TransportFor(config); err != nil {
			return fmt.Errorf("cannot prepare the way to the API server: %w", err)
		}
	}
	p.reverse = p.newReverse(target)
	return nil
}

func (p *Proxy) writeKubeconfig(dir, name string) error {
	ca, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil {
		return fmt.Errorf("cannot read the certificate: %w", err)
	}
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: "https://" + p.address.String(), CertificateAuthorityData: ca}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: p.token}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	p.kubeconfig = filepath.Join(dir, "kubeconfig")
	if err := clientcmd.WriteToFile(*config, p.kubeconfig); err != nil {
		return fmt.Errorf("cannot write the kubeconfig: %w", err)
	}
	return nil
}

// listen has connections accepted. The caller holds mu.
func (p *Proxy) listen() error {
	tcp, err := net.ListenTCP("tcp", p.address)
	if err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	p.listening = tcp
	p.accepting.Go(func() {
		_ = p.server.ServeTLS(listener{tcp, &p.connections}, "", "") // it ends when the listener is closed
	})
	return nil
}

// hangUp has nobody listen, and resets all connections. The caller holds mu.
func (p *Proxy) hangUp() error {
	if p.listening == nil {
		return nil
	}
	err := p.listening.Close()
	p.listening = nil
	p.accepting.Wait()
	p.connections.cut()
	return err
}

// Kubeconfig is the path of a kubeconfig that leads through the proxy, with a token
// that only its own user can read.
func (p *Proxy) Kubeconfig() string { return p.kubeconfig }

// Requests says how many requests of each kind there were since Start, ordered by
// resource, subresource and verb.
func (p *Proxy) Requests() []Count { return p.tally.list() }

// Inject begins a fault and returns what ends it. Several may be injected at a
// time. Heal may be called more than once, also after Stop; when it returns, the
// fault is over and what hung in it is cut.
func (p *Proxy) Inject(f Fault) (heal func()) {
	if f.Silent && f.Only == nil {
		p.connections.silence()
	}
	if f.Refused {
		p.refuse(1)
	}
	added := p.state.add(f)
	return sync.OnceFunc(func() {
		p.state.remove(added)
		if f.Silent && f.Only == nil {
			p.connections.speak()
		}
		if f.Refused {
			p.refuse(-1)
		}
	})
}

// refuse adds to the number of faults that have nobody listen.
func (p *Proxy) refuse(by int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusals += by
	switch {
	case p.stopped:
	case p.refusals > 0:
		p.err = errors.Join(p.err, p.hangUp())
	case p.listening == nil:
		p.err = errors.Join(p.err, p.listen())
	}
}

// Stop resets all connections and returns when nothing of the proxy runs any more,
// or an error when ctx ends before that. An error also tells that the proxy could
// not listen again after a fault.
func (p *Proxy) Stop(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return nil
	}
	p.stopped = true
	p.end()
	p.state.stop()
	err := errors.Join(p.err, p.hangUp())
	p.connections.cut()
	err = errors.Join(err, p.server.Close(), p.wait(ctx), p.ports.Release())
	for _, transport := range p.transport {
		utilnet.CloseIdleConnectionsFor(transport)
	}
	return err
}

// wait returns when no request is being handled any more.
func (p *Proxy) wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.state.handling.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("cannot wait for the last requests: %w", context.Cause(ctx))
	}
}
