package serve

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"
)

// connections are those of a server: at most so many. A new one always finds room.
// The oldest of which no request has come yet is closed, since others send theirs in
// milliseconds; if there is none, the one of which none has come for longest, and only
// if all of them wait for an answer, one that does.
type connections struct {
	most int

	mu   sync.Mutex
	open map[net.Conn]heard
}

// heard is what came from a connection.
type heard struct {
	// request says that one did, as a whole.
	request bool
	// waiting is how many have no answer yet. How long that takes is up to us.
	waiting int
	// last is when the last one came or, before that, since when it is open.
	last time.Time
}

// before is the order in which connections are closed.
func (h heard) before(other heard) bool {
	if h.request != other.request {
		return other.request
	}
	if (h.waiting > 0) != (other.waiting > 0) {
		return other.waiting > 0
	}
	return h.last.Before(other.last)
}

func newConnections(most int) *connections {
	return &connections{most: most, open: make(map[net.Conn]heard)}
}

// changed is http.Server's ConnState.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		for len(c.open) >= c.most {
			first := c.firstToClose()
			delete(c.open, first)
			cut(first)
		}
		c.open[conn] = heard{last: time.Now()}
	case http.StateClosed, http.StateHijacked:
		delete(c.open, conn)
	case http.StateActive, http.StateIdle:
		// Headers alone say nothing.
	}
}

func (c *connections) firstToClose() (first net.Conn) {
	for conn, h := range c.open {
		if first == nil || h.before(c.open[first]) {
			first = conn
		}
	}
	return first
}

// requested says that a request has come.
func (c *connections) requested(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h, isOpen := c.open[conn]; isOpen {
		c.open[conn] = heard{request: true, waiting: h.waiting + 1, last: time.Now()}
	}
}

// answered says that a request that has come has its answer.
func (c *connections) answered(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h, isOpen := c.open[conn]; isOpen {
		h.waiting--
		c.open[conn] = h
	}
}

// cut closes a connection without the good-bye of TLS, for which its peer could
// have us wait.
func cut(conn net.Conn) {
	if over, ok := conn.(*tls.Conn); ok {
		conn = over.NetConn()
	}
	_ = conn.Close() // Its reader finds out.
}

// peerKey is where the context of a request has its peer.
type peerKey struct{}

// peer is a connection as its requests know it.
type peer struct {
	// requested says that a request has come as a whole, and answered that it has its
	// answer.
	requested, answered func()
	// reading has a place for each body that is being read.
	reading chan struct{}
}

// context returns http.Server's ConnContext; of each connection so many bodies may be
// read at a time.
func (c *connections) context(bodies int) func(context.Context, net.Conn) context.Context {
	return func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, peerKey{}, &peer{
			requested: func() { c.requested(conn) },
			answered:  func() { c.answered(conn) },
			reading:   make(chan struct{}, bodies),
		})
	}
}
