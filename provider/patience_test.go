package provider

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
)

// absentServer is an API server whose address is taken and not listened on: all
// connections to it are refused, and no other process can answer in its place.
type absentServer struct {
	t      *testing.T
	socket *os.File
	// Host is the address for a rest.Config.
	Host string
}

func newAbsentServer(t *testing.T) *absentServer {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	socket := os.NewFile(uintptr(fd), "absent server")
	t.Cleanup(func() { _ = socket.Close() }) // Twice, when it has begun to serve.
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address, isIPv4 := name.(*syscall.SockaddrInet4)
	if !isIPv4 {
		t.Fatalf("the socket's address is a %T", name)
	}
	return &absentServer{t: t, socket: socket, Host: fmt.Sprintf("http://127.0.0.1:%d", address.Port)}
}

// Serve listens from now on.
func (a *absentServer) Serve(handler http.Handler) {
	a.t.Helper()
	if err := syscall.Listen(int(a.socket.Fd()), syscall.SOMAXCONN); err != nil {
		a.t.Fatal(err)
	}
	listener, err := net.FileListener(a.socket)
	if err != nil {
		a.t.Fatal(err)
	}
	_ = a.socket.Close() // The listener has its own.
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: handler}}
	server.Start()
	a.t.Cleanup(server.Close)
}

// dials is how a patient client connects, with each failure told.
type dials struct{ failed chan error }

func (d dials) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		d.failed <- err
	}
	return connection, err
}

// request sends one GET and returns where its outcome will be.
func request(ctx context.Context, t *testing.T, config *rest.Config) <-chan outcome {
	t.Helper()
	client, err := patientClient(config, logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	get, err := http.NewRequestWithContext(ctx, http.MethodGet, config.Host, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	outcomes := make(chan outcome, 1)
	go func() {
		response, err := client.Do(get)
		if err != nil {
			outcomes <- outcome{err: err}
			return
		}
		outcomes <- outcome{code: response.StatusCode, err: response.Body.Close()}
	}()
	return outcomes
}

type outcome struct {
	code int
	err  error
}

func answer(code int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
}

// TestPatientClientWaits: a server that comes late is a slow answer, no error.
func TestPatientClientWaits(t *testing.T) {
	server, seen := newAbsentServer(t), dials{make(chan error, 1000)}
	outcomes := request(t.Context(), t, &rest.Config{Host: server.Host, Dial: seen.dial})

	select {
	case err := <-seen.failed:
		if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("the first try ended with %v, want a refused connection", err)
		}
	case got := <-outcomes:
		t.Fatalf("there was an outcome before a failed try: %+v", got)
	}
	server.Serve(answer(http.StatusTeapot))
	if got := <-outcomes; got.err != nil || got.code != http.StatusTeapot {
		t.Errorf("outcome %+v, want the late server's answer", got)
	}
}

// TestPatientClientCancelled: nobody waits for longer than the context lives.
func TestPatientClientCancelled(t *testing.T) {
	server, seen := newAbsentServer(t), dials{make(chan error, 1000)}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	outcomes := request(ctx, t, &rest.Config{Host: server.Host, Dial: seen.dial})

	select {
	case err := <-seen.failed:
		if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("the first try ended with %v, want a refused connection", err)
		}
	case got := <-outcomes:
		t.Fatalf("there was an outcome before the context ended: %+v", got)
	}
	cancel()
	if got := <-outcomes; got.err == nil {
		t.Errorf("outcome %+v, want an error", got)
	}
}

// TestPatientTransportCancelled: the wait ends with the context, at once and with
// what was waited for; there is no further try.
func TestPatientTransportCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tries := 0
	transport := patientTransport{log: logr.Discard(), next: transportFunc(func(*http.Request) (*http.Response, error) {
		tries++
		if tries > 1 {
			return nil, errors.New("tried again")
		}
		cancel()
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	})}
	get, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := transport.RoundTrip(get)
	if err == nil {
		_ = response.Body.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) || tries != 1 {
		t.Errorf("error %v after %d tries, want a refused connection after 1", err, tries)
	}
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// TestPatientClientInsists: what is about us, or about the server as a whole, is
// waited for; what is about the question is the informer's to answer.
func TestPatientClientInsists(t *testing.T) {
	hangUp := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			w.WriteHeader(http.StatusNotImplemented)
			return
		}
		_ = connection.Close()
	})
	cases := map[string]struct {
		reason   string
		first    http.Handler
		want     int
		requests int32
	}{
		"unauthorized":      {"Credentials are replaced.", answer(http.StatusUnauthorized), http.StatusOK, 2},
		"forbidden":         {"Rights are granted, and read by a server that has just started.", answer(http.StatusForbidden), http.StatusOK, 2},
		"internal":          {"Its database is away.", answer(http.StatusInternalServerError), http.StatusOK, 2},
		"bad-gateway":       {"What stands before it finds nobody.", answer(http.StatusBadGateway), http.StatusOK, 2},
		"unavailable":       {"It is starting, or stopping.", answer(http.StatusServiceUnavailable), http.StatusOK, 2},
		"connection-cut":    {"To read twice does no harm.", hangUp, http.StatusOK, 2},
		"too-old":           {"The informer has to list again.", answer(http.StatusGone), http.StatusGone, 1},
		"too-new":           {"The informer has to ask for less: the version would never come.", answer(http.StatusGatewayTimeout), http.StatusGatewayTimeout, 1},
		"not-served":        {"That kind is not known.", answer(http.StatusNotFound), http.StatusNotFound, 1},
		"too-many-requests": {"client-go waits for as long as the server says.", answer(http.StatusTooManyRequests), http.StatusTooManyRequests, 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if requests.Add(1) == 1 {
					tc.first.ServeHTTP(w, r)
				}
			}))
			defer server.Close()
			// The transport that all tests share repeats a request whose connection breaks
			// before it has been used; this one has no connection yet.
			got := <-request(t.Context(), t, &rest.Config{Host: server.URL, Dial: new(net.Dialer).DialContext})
			if got.err != nil || got.code != tc.want {
				t.Errorf("%s\noutcome %+v, want code %d", tc.reason, got, tc.want)
			}
			if n := requests.Load(); n != tc.requests {
				t.Errorf("%s\n%d requests, want %d", tc.reason, n, tc.requests)
			}
		})
	}
}

// TestPatientClientLeavesConfigAlone: other clients are made from it too, and
// those are not patient.
func TestPatientClientLeavesConfigAlone(t *testing.T) {
	config := &rest.Config{Host: "http://127.0.0.1:0"}
	if _, err := patientClient(config, logr.Discard()); err != nil {
		t.Fatal(err)
	}
	if config.WrapTransport != nil {
		t.Error("patientClient() wrapped the transport of its caller's configuration")
	}
}
