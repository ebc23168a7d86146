package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/healthz"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
)

// Certificates are where a server gets its certificate from.
type Certificates interface {
	// GetCertificate returns the one to serve at present; an error turns a client away.
	GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error)
	// Start keeps it the newest one until ctx ends.
	Start(ctx context.Context) error
}

// Options configure a Server. Address, Port and Certificates have no defaults.
type Options struct {
	// Address is the one to serve on; empty means every address.
	Address      string
	Port         int
	Certificates Certificates
	// Witness, if set, is told of clients that do not accept the certificate.
	Witness Witness
	// Limits are DefaultLimits if they are not set.
	Limits Limits
}

// Limits are what a client can ask of the server.
type Limits struct {
	// Arrival is how long a handshake may take, and a request to arrive once there are
	// its headers.
	Arrival time.Duration
	// Answer is how long it may then take to judge the request and to send the answer.
	Answer time.Duration
	// Idle is how long a connection may be without a request, or have no more of one
	// than part of its headers.
	Idle time.Duration
	// Body is how many bytes the body of a request may have.
	Body int64
	// LargeBody is from how many bytes on a body is a large one, LargeBodies how many
	// of those there may be at a time.
	LargeBody   int64
	LargeBodies int
	// Connections is how many there may be at a time, Streams how many requests at a
	// time on one of them, and BodiesEach of how many of those the body is read.
	Connections, Streams, BodiesEach int
}

// DefaultLimits are far from what API servers ask for.
func DefaultLimits() Limits {
	return Limits{
		// API servers wait 5 s for the answer as a whole.
		Arrival: 5 * time.Second,
		Answer:  15 * time.Second,
		// More than the 90 s for which Go's clients keep a connection, and so API servers:
		// a request is lost that is sent while we close it. They also keep those that they
		// opened in a hurry and have not needed yet.
		Idle: 2 * time.Minute,
		// An API server takes requests of up to 3 MiB. In an update there are two
		// objects of that size; controller-runtime's limit is the same.
		Body: 7 << 20,
		// Most pods are a tenth of it.
		LargeBody:   64 << 10,
		LargeBodies: 8,
		// API servers ask a Service by HTTP/1.1, with a connection for each request at a
		// time, and others by HTTP/2. All that bodies can take is 512 times 8 times 64 KiB,
		// and 8 times 7 MiB.
		Connections: 512,
		Streams:     250,
		BodiesEach:  8,
	}
}

// Server implements controller-runtime's webhook.Server.
type Server struct {
	// DefaultServer has the handlers and their metrics. It is not started.
	*webhook.DefaultServer

	options     Options
	connections *connections
	address     atomic.Pointer[string]
}

// New returns a server that serves nothing yet.
func New(o Options) *Server {
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits()
	}
	return &Server{
		DefaultServer: &webhook.DefaultServer{Options: webhook.Options{WebhookMux: http.NewServeMux()}},
		options:       o,
		connections:   newConnections(o.Limits.Connections),
	}
}

// Start serves until ctx ends, then finishes what is under way, and returns.
func (s *Server) Start(ctx context.Context) error {
	address := net.JoinHostPort(s.options.Address, strconv.Itoa(s.options.Port))
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	address = listener.Addr().String()
	s.address.Store(&address)
	logf.FromContext(ctx).Info("Serving the webhook", "address", address)
	return s.serve(ctx, listener)
}

func (s *Server) serve(ctx context.Context, listener net.Listener) error {
	server := s.server(ctx)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var running sync.WaitGroup
	var watchErr, shutdownErr error
	running.Go(func() {
		if watchErr = s.options.Certificates.Start(ctx); watchErr != nil {
			stop()
		}
	})
	running.Go(func() {
		<-ctx.Done()
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.options.Limits.Arrival+s.options.Limits.Answer)
		defer cancel()
		shutdownErr = server.Shutdown(patience)
	})
	err := server.ServeTLS(listener, "", "")
	stop()
	running.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, watchErr, shutdownErr)
}

func (s *Server) server(ctx context.Context) *http.Server {
	limits := s.options.Limits
	refusals := newRefusals(ctx, s.options.Witness)
	return &http.Server{
		Handler: newIntake(s.DefaultServer.Options.WebhookMux, limits),
		// Requests under way outlive the news of the end.
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		ConnContext: s.connections.context(limits.BodiesEach),
		ConnState: func(conn net.Conn, state http.ConnState) {
			s.connections.changed(conn, state)
			refusals.changed(conn, state)
		},
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: refusals.listens(s.options.Certificates)},
		// net/http begins to count both when a connection is there, not when a request
		// comes; the time of that is up to the intake.
		ReadHeaderTimeout: limits.Idle,
		ReadTimeout:       limits.Arrival,
		WriteTimeout:      limits.Arrival + limits.Answer,
		IdleTimeout:       limits.Idle,
		MaxHeaderBytes:    64 << 10,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: limits.Streams},
		ErrorLog:          log.New(complaints(refusals.complaint), "", 0),
	}
}

// complaints are lines in which net/http complains of clients.
type complaints func(line string)

// Write takes one line.
func (c complaints) Write(line []byte) (int, error) {
	c(strings.TrimSpace(string(line)))
	return len(line), nil
}

// NeedLeaderElection says that every replica serves.
func (*Server) NeedLeaderElection() bool { return false }

// StartedChecker returns a check that the server is reached and answers with its
// certificate.
func (s *Server) StartedChecker() healthz.Checker {
	return func(r *http.Request) error {
		address := s.address.Load()
		if address == nil {
			return errors.New("the webhook's server has not been started yet")
		}
		ctx := context.Background()
		if r != nil { // a probe asks, and nobody else
			ctx = r.Context()
		}
		dialer := tls.Dialer{
			NetDialer: &net.Dialer{Timeout: 10 * time.Second},
			Config:    &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // It asks itself, and says nothing.
		}
		conn, err := dialer.DialContext(ctx, "tcp", *address)
		if err != nil {
			return fmt.Errorf("the webhook's server is not reachable: %w", err)
		}
		return conn.Close()
	}
}
