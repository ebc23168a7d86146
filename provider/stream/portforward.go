package stream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/virtual-kubelet/virtual-kubelet/node/api"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/streaming/pkg/httpstream"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

// portForward connects a client with ports of the downstream pod. All its
// connections go through one to the downstream API server, and no port is opened
// here.
func (h *Handler) portForward(w http.ResponseWriter, r *http.Request) {
	r, cancel := h.endless(r)
	defer cancel()
	t, ok := h.admit(w, r)
	if !ok {
		return
	}
	downstream, err := h.dialPortForward(r.Context(), t)
	if err != nil {
		answer(w, r, err)
		return
	}
	s := &session{downstream: downstream}
	client := &hijackable{ResponseWriter: w}
	var watcher sync.WaitGroup
	watcher.Go(func() { s.watch(r.Context(), client) })

	// virtual-kubelet's context never ends; the session does.
	forward := func(_ context.Context, _, _ string, port int32, stream io.ReadWriteCloser) error {
		return s.forward(port, stream)
	}
	api.HandlePortForward(forward, api.WithPortForwardStreamIdleTimeout(idleTimeout), api.WithPortForwardCreationTimeout(creationTimeout))(client, forVirtualKubelet(r, t))

	// The client is gone.
	cancel()
	watcher.Wait()
	s.connections.dismiss()
}

// session is one client's port-forward.
type session struct {
	downstream  httpstream.Connection
	lastID      atomic.Int64
	connections crew
}

// watch ends both sides when one has gone.
func (s *session) watch(ctx context.Context, client *hijackable) {
	select {
	case <-ctx.Done():
	case <-s.downstream.CloseChan():
	}
	if err := errors.Join(s.downstream.Close(), client.hangUp()); err != nil {
		logf.FromContext(ctx).V(1).Info("A port-forward did not end cleanly", "cause", err.Error())
	}
}

// forward connects one connection of the client's with a port of the pod until
// the pod has closed it, or the session ends.
func (s *session) forward(port int32, client io.ReadWriteCloser) error {
	if !s.connections.begin() {
		return errors.New("the connection to the downstream cluster is closed")
	}
	defer s.connections.done()
	complaints, data, err := s.open(port)
	if err != nil {
		return err
	}
	defer s.abandon(complaints, data)

	if !s.connections.begin() {
		return errors.New("the connection to the downstream cluster is closed")
	}
	go func() { // Ends when the client, or the session, does; the session waits for it.
		defer s.connections.done()
		// What fails here shows in the other direction.
		_, _ = io.Copy(data, client)
		_ = data.Close()
	}()
	if _, err := io.Copy(client, data); err != nil {
		return fmt.Errorf("cannot copy from the pod to the client: %w", err)
	}
	complaint, err := io.ReadAll(complaints)
	switch {
	case err != nil:
		return fmt.Errorf("cannot learn how the pod's connection ended: %w", err)
	case len(complaint) > 0:
		return errors.New(string(complaint))
	}
	return nil
}

// abandon resets what is not closed yet: the client may still be sending, and
// the pod as well.
func (s *session) abandon(streams ...httpstream.Stream) {
	for _, stream := range streams {
		_ = stream.Reset() // It fails when the connection is gone, and the stream with it.
	}
	s.downstream.RemoveStreams(streams...)
}

// open begins a connection to a port of the pod. The order, and that the stream
// of complaints is closed for writing at once, is the protocol's.
func (s *session) open(port int32) (complaints, data httpstream.Stream, err error) {
	header := http.Header{}
	header.Set(corev1.PortHeader, strconv.Itoa(int(port)))
	header.Set(corev1.PortForwardRequestIDHeader, strconv.FormatInt(s.lastID.Add(1), 10))
	header.Set(corev1.StreamType, corev1.StreamTypeError)
	if complaints, err = s.downstream.CreateStream(header); err != nil {
		return nil, nil, fmt.Errorf("cannot open a stream in the downstream cluster: %w", err)
	}
	if err := complaints.Close(); err != nil {
		s.abandon(complaints)
		return nil, nil, fmt.Errorf("cannot open a stream in the downstream cluster: %w", err)
	}
	header.Set(corev1.StreamType, corev1.StreamTypeData)
	if data, err = s.downstream.CreateStream(header); err != nil {
		s.abandon(complaints)
		return nil, nil, fmt.Errorf("cannot open a stream in the downstream cluster: %w", err)
	}
	return complaints, data, nil
}

// hijackable remembers the client's connection once it is no longer HTTP, since
// virtual-kubelet gives no other way to end it.
type hijackable struct {
	http.ResponseWriter
	mu         sync.Mutex
	connection net.Conn
	hungUp     bool
}

// Hijack implements http.Hijacker.
func (c *hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	connection, buffer, err := http.NewResponseController(c.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hungUp {
		return nil, nil, errors.Join(net.ErrClosed, connection.Close())
	}
	c.connection = connection
	return connection, buffer, nil
}

// hangUp closes the client's connection, now or as soon as there is one.
func (c *hijackable) hangUp() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hungUp = true
	if c.connection == nil {
		return nil
	}
	if err := c.connection.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
