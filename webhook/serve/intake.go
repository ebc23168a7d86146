package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

var errBusy = errors.New("too many requests of this kind at a time; try again")

// intake reads the body of a request before anybody judges it.
type intake struct {
	next   http.Handler
	limits Limits
	// large has a place for each large body.
	large chan struct{}
}

func newIntake(next http.Handler, limits Limits) *intake {
	return &intake{next: next, limits: limits, large: make(chan struct{}, limits.LargeBodies)}
}

// ServeHTTP answers a request.
func (i *intake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength > i.limits.Body {
		i.refuse(w, &http.MaxBytesError{Limit: i.limits.Body})
		return
	}
	from, ok := r.Context().Value(peerKey{}).(*peer)
	if !ok {
		http.Error(w, "not asked over a connection", http.StatusInternalServerError)
		return
	}
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(i.limits.Arrival)); err != nil {
		http.Error(w, "the request cannot be given time to arrive", http.StatusInternalServerError)
		return
	}
	read, done, err := i.read(r.Context(), from, r.ContentLength, http.MaxBytesReader(w, r.Body, i.limits.Body))
	defer done()
	if err != nil {
		i.refuse(w, err)
		return
	}
	from.requested()
	defer from.answered()
	r.Body = arrived{bytes.NewReader(read), read}
	i.next.ServeHTTP(w, r)
}

// arrived is a body of which all is there.
type arrived struct {
	*bytes.Reader
	body []byte
}

// Bytes saves those who want it as a whole from copying it.
func (a arrived) Bytes() []byte { return a.body }

// Close does nothing.
func (arrived) Close() error { return nil }

// read reads a body, of length bytes if that is not negative. A large one must find a
// place, which it has until done is called: there may be little left of a connection's
// time when it does.
func (i *intake) read(ctx context.Context, from *peer, length int64, body io.Reader) (read []byte, done func(), err error) {
	done = func() {}
	ctx, cancel := context.WithTimeout(ctx, i.limits.Arrival)
	defer cancel()
	// Till then it waits at its sender's: a connection has a window of its own.
	if err := enter(ctx, from.reading); err != nil {
		return nil, done, err
	}
	defer func() { <-from.reading }()
	small := bytes.NewBuffer(make([]byte, 0, min(max(length, 0), i.limits.LargeBody)+bytes.MinRead))
	_, err = small.ReadFrom(io.LimitReader(body, i.limits.LargeBody))
	read = small.Bytes()
	if err != nil || int64(len(read)) < i.limits.LargeBody {
		return read, done, err
	}
	if err := enter(ctx, i.large); err != nil {
		return nil, done, err
	}
	done = func() { <-i.large }
	rest, err := io.ReadAll(body)
	return append(read, rest...), done, err
}

// enter waits for a place.
func enter(ctx context.Context, places chan struct{}) error {
	select {
	case places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errBusy
	}
}

// refuse answers a request that was not read.
func (i *intake) refuse(w http.ResponseWriter, err error) {
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case tooLarge:
		http.Error(w, fmt.Sprintf("the request is larger than the limit of %d bytes", i.limits.Body), http.StatusRequestEntityTooLarge)
	case errors.Is(err, errBusy):
		w.Header().Set("Retry-After", "1")
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	case errors.Is(err, os.ErrDeadlineExceeded):
		http.Error(w, fmt.Sprintf("the request did not arrive within %s", i.limits.Arrival), http.StatusRequestTimeout)
	default:
		http.Error(w, "the request did not arrive as a whole", http.StatusBadRequest)
	}
}
