package credentials

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"

	"k8s.io/client-go/rest"
)

// transport sends each request with the newest generation.
type transport struct {
	// base is the address that requests are made for.
	base    *url.URL
	current atomic.Pointer[generation]
	// answered says that there ever was an answer.
	answered atomic.Bool
	// doubts holds at most one wish to read the file at once.
	doubts chan struct{}
}

func newTransport(first *generation) *transport {
	t := &transport{base: first.base, doubts: make(chan struct{}, 1)}
	t.current.Store(first)
	return t
}

func (t *transport) now() *generation { return t.current.Load() }

func (t *transport) take(next *generation) { t.current.Swap(next).over() }

// WrappedRoundTripper lets client-go find the connections, to close idle ones.
func (t *transport) WrappedRoundTripper() http.RoundTripper { return t.now().http }

// RoundTrip sends a watch again that was under way, without an answer, when its
// generation ended. Other requests may end with the one they began with.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	for {
		g := t.now()
		response, err := t.send(g, request)
		if err != nil && isWatch(request) && g.lives.Err() != nil && request.Context().Err() == nil {
			continue
		}
		if err == nil {
			t.answered.Store(true)
		}
		if err != nil || response.StatusCode == http.StatusUnauthorized || response.StatusCode == http.StatusForbidden {
			t.doubt()
		}
		return response, err
	}
}

func (t *transport) send(g *generation, request *http.Request) (*http.Response, error) {
	if !isWatch(request) {
		return g.http.RoundTrip(t.below(request.Context(), g, request))
	}
	ctx, cancel := context.WithCancel(request.Context())
	forget := context.AfterFunc(g.lives, cancel)
	done := func() { forget(); cancel() }
	response, err := g.http.RoundTrip(t.below(ctx, g, request))
	if err != nil {
		done()
		return nil, err
	}
	response.Body = &watchBody{ReadCloser: response.Body, generation: g, done: done}
	return response, nil
}

// below returns the request for the generation's address. A RoundTripper must not
// change what it is given.
func (t *transport) below(ctx context.Context, g *generation, request *http.Request) *http.Request {
	request = request.Clone(ctx)
	before := request.URL.Host
	request.URL = moved(request.URL, t.base, g.base)
	if request.Host == before {
		request.Host = request.URL.Host
	}
	return request
}

// doubt has the file read soon.
func (t *transport) doubt() {
	select {
	case t.doubts <- struct{}{}:
	default:
	}
}

func isWatch(request *http.Request) bool {
	return request.Method == http.MethodGet && (request.URL.Query().Get("watch") == "true" || request.URL.Query().Get("watch") == "1")
}

// watchBody ends as the API server ends a watch, when its generation does:
// informers take any other end for a failure, and pause.
type watchBody struct {
	io.ReadCloser
	generation *generation
	done       func()
}

func (b *watchBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && b.generation.lives.Err() != nil {
		err = io.EOF
	}
	return n, err
}

func (b *watchBody) Close() error {
	b.done()
	return b.ReadCloser.Close()
}

// Now returns what to open a connection to address with, by other means than a
// client's requests: the configuration that a Kubeconfig's is just now, and the
// address where that has its API server. Any other configuration, with its
// address, is returned as it is.
func Now(config *rest.Config, address *url.URL) (*rest.Config, *url.URL) {
	t, ok := config.Transport.(*transport)
	if !ok {
		return config, address
	}
	g := t.now()
	return rest.CopyConfig(g.config), moved(address, t.base, g.base)
}
