package faults

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
)

// connections are those of the process to the proxy. The zero value has none.
type connections struct {
	mu     sync.Mutex
	open   map[*connection]struct{}
	silent int // faults that silence them
}

// connection is one of them, TCP under its TLS.
type connection struct {
	*net.TCPConn
	all  *connections
	over chan struct{} // closed when it is cut
	once sync.Once
}

// listener hands the connections it accepts to connections.
type listener struct {
	*net.TCPListener
	all *connections
}

func (l listener) Accept() (net.Conn, error) {
	accepted, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return l.all.add(accepted), nil
}

func (c *connections) add(tcp *net.TCPConn) *connection {
	added := &connection{TCPConn: tcp, all: c, over: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = map[*connection]struct{}{}
	}
	c.open[added] = struct{}{}
	return added
}

// silence has nothing come through any connection until speak was called as often.
func (c *connections) silence() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.silent++
}

// speak ends a silence; connections that were in it hang for good and are cut.
func (c *connections) speak() {
	c.mu.Lock()
	c.silent--
	last := c.silent == 0
	c.mu.Unlock()
	if last {
		c.cut()
	}
}

// cut resets all connections.
func (c *connections) cut() {
	c.mu.Lock()
	open := c.open
	c.open = nil
	c.mu.Unlock()
	for connection := range open {
		connection.reset()
	}
}

// hush waits in a silence until the connection is cut.
func (c *connection) hush() (cut bool) {
	c.all.mu.Lock()
	silent := c.all.silent > 0
	c.all.mu.Unlock()
	if silent {
		<-c.over
	}
	return silent
}

// Read returns nothing that arrives in a silence.
func (c *connection) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	if c.hush() {
		return 0, net.ErrClosed
	}
	return n, err
}

// Write sends nothing in a silence.
func (c *connection) Write(b []byte) (int, error) {
	if c.hush() {
		return 0, net.ErrClosed
	}
	return c.TCPConn.Write(b)
}

// Close leaves the other side in the belief that somebody is there until a silence
// ends; then the connection is cut like all others.
func (c *connection) Close() error {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.all.silent > 0 {
		return nil
	}
	delete(c.all.open, c)
	return c.TCPConn.Close()
}

// reset breaks the connection without a farewell.
func (c *connection) reset() {
	c.once.Do(func() {
		_ = c.SetLinger(0) // an error is a connection that is closed already
		_ = c.TCPConn.Close()
		close(c.over)
	})
}

// connectionKey finds the connection in a request's context.
type connectionKey struct{}

func withConnection(ctx context.Context, c net.Conn) context.Context {
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	return context.WithValue(ctx, connectionKey{}, c)
}

// resetConnection breaks the connection on which the request came.
func resetConnection(ctx context.Context) {
	if c, ok := ctx.Value(connectionKey{}).(*connection); ok {
		c.reset()
	}
}
