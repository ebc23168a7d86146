package faults

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// exchangeKey finds the exchange in the context of a request that is passed on.
type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// serve answers a request of the process.
func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+p.token)) != 1 {
		answer(w, unauthorizedStatus())
		return
	}
	ctx, end := context.WithCancelCause(r.Context())
	defer end(nil)
	x := &exchange{asked: readRequest(r), request: r, end: end}
	if !p.state.begin(x) {
		panic(http.ErrAbortHandler)
	}
	defer p.state.finish(x)
	p.tally.add(x.kind(), 1, 0)
	if !pause(ctx, x.verdict.latency) {
		fail(ctx, w, context.Cause(ctx))
		return
	}
	switch x.verdict.outcome {
	case hangs:
		<-ctx.Done()
		panic(http.ErrAbortHandler)
	case unauthorized:
		answer(w, unauthorizedStatus())
	case forbidden:
		answer(w, forbiddenStatus(x.asked))
	case unavailable:
		answer(w, unavailableStatus())
	case resetBefore:
		fail(ctx, w, errReset)
	case expired:
		answerExpired(w)
	case passed, resetAfter:
		p.tally.add(x.kind(), 0, 1)
		p.reverse.ServeHTTP(w, r.WithContext(context.WithValue(ctx, exchangeKey{}, x)))
	}
}

// pause waits; false: ctx ended before.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// newReverse passes requests on to the target.
func (p *Proxy) newReverse(target *url.URL) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Del("Authorization") // it was for the proxy
			x := exchangeOf(r.In.Context())
			shortens := x.verb == "list" && x.verdict.missing > 0
			if shortens {
				askForWholeJSON(r.Out)
			}
			if shortens || x.verb == "watch" {
				r.Out.Header.Set("Accept-Encoding", "identity") // it is read here
			}
		},
		Transport:      roundTrip(p.send),
		FlushInterval:  -1,
		ModifyResponse: p.modify,
		ErrorHandler:   func(w http.ResponseWriter, r *http.Request, err error) { fail(r.Context(), w, err) },
		ErrorLog:       log.New(io.Discard, "", 0), // answers break here on purpose
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// send is a round trip to the API server. HTTP/2 has no upgrades, so what asks
// for one goes over HTTP/1.1.
func (p *Proxy) send(r *http.Request) (*http.Response, error) {
	response, err := p.transport[r.Header.Get("Upgrade") != ""].RoundTrip(r)
	if err != nil {
		return nil, undeliverable{err}
	}
	return response, nil
}

// undeliverable is a request that the API server was not there for.
type undeliverable struct{ error }

func (u undeliverable) Unwrap() error { return u.error }

// modify does to an answer what the faults say.
func (p *Proxy) modify(response *http.Response) error {
	ctx := response.Request.Context()
	x := exchangeOf(ctx)
	if x.verdict.outcome == resetAfter {
		return errReset
	}
	if p.state.hung(x) {
		<-ctx.Done()
		return errCut
	}
	if response.StatusCode != http.StatusOK {
		return nil
	}
	p.state.answered(x)
	switch x.verb {
	case "list":
		if x.verdict.missing > 0 {
			return shorten(response, x.verdict.missing)
		}
	case "watch":
		events, err := newEvents(ctx, response, x)
		if err != nil {
			return err
		}
		response.Body = events
	}
	response.Body = &mayHang{ReadCloser: response.Body, ctx: ctx, hung: func() bool { return p.state.hung(x) }}
	return nil
}

// mayHang is a body whose rest may be held back until its request is cut.
type mayHang struct {
	io.ReadCloser
	ctx  context.Context
	hung func() bool
}

func (b *mayHang) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.hung() {
		<-b.ctx.Done()
		return 0, errCut
	}
	return n, err
}

// fail ends a request that has no answer, in the way its cause would.
func fail(ctx context.Context, w http.ResponseWriter, err error) {
	var lost undeliverable
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errExpired):
		answer(w, expiredStatus())
		return
	case cause != nil: // cut, or the process is not interested any more
	case errors.Is(err, errReset), errors.As(err, &lost):
		resetConnection(ctx)
	default:
		answer(w, apierrors.NewInternalError(fmt.Errorf("the fault injector: %w", err)).Status())
		return
	}
	panic(http.ErrAbortHandler)
}
