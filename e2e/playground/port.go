package playground

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"syscall"
)

// Ports are taken from below the range that the kernel gives to outgoing
// connections: a port from that range can be lost to one of them while the
// server that listens there is being restarted.
const (
	firstPort = 20000
	lastPort  = 32000
)

// Ports are TCP ports of the loopback address that nobody else uses, kept for
// their holder also while nothing listens on them. The zero value holds none.
// Its methods may be called from several goroutines.
type Ports struct {
	mu     sync.Mutex
	claims []io.Closer
}

// Take reserves one more port.
func (p *Ports) Take() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		claim, err := claimPort(port)
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("cannot reserve a port: %w", err)
		}
		p.claims = append(p.claims, claim)
		return port, nil
	}
	return 0, fmt.Errorf("no free port between %d and %d", firstPort, lastPort)
}

// TakeAddress reserves one more port and returns it as "127.0.0.1:port".
func (p *Ports) TakeAddress() (string, error) {
	port, err := p.Take()
	return loopback(port), err
}

// Release gives all ports back.
func (p *Ports) Release() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, claim := range p.claims {
		errs = append(errs, claim.Close())
	}
	p.claims = nil
	return errors.Join(errs...)
}

// claimPort checks that nothing listens on the port and claims it against other
// playgrounds on this machine. The claim is an abstract Unix socket named after
// the port: like the port it belongs to the network namespace, it is no file,
// and it goes when its holder does.
func claimPort(port int) (io.Closer, error) {
	var config net.ListenConfig
	claim, err := config.Listen(context.Background(), "unix", "@spillway-playground-port-"+strconv.Itoa(port))
	if err != nil {
		return nil, err
	}
	probe, err := config.Listen(context.Background(), "tcp", loopback(port))
	if err != nil {
		return nil, errors.Join(err, claim.Close())
	}
	return claim, probe.Close()
}

// loopbackAddress is where everything answers unless an option says otherwise.
const loopbackAddress = "127.0.0.1"

func loopback(port int) string {
	return net.JoinHostPort(loopbackAddress, strconv.Itoa(port))
}
