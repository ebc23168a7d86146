package provider

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"

	"github.com/spillway-io/spillway/provider/retry"
)

const (
	// firstPause and maxPause are how long a request waits before it is sent again:
	// twice as long each time.
	firstPause = 500 * time.Millisecond
	maxPause   = 4 * time.Second
	// maxDrained is how much of a refusal is read, in bytes, so that its connection
	// can be used again.
	maxDrained = 64 << 10
)

// patientClient returns the HTTP client of a cache. Its requests wait for an API
// server that cannot be reached, or that does not let us in; they do not fail. An
// informer whose requests fail pauses, longer each time and finally for up to a
// minute, and for that long after an outage we would go on telling what was true
// before it.
//
// What a request waits for is logged once. If that lasts, say because a right was
// never granted, the cache is not filled and the process not ready.
func patientClient(config *rest.Config, log logr.Logger) (*http.Client, error) {
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return patientTransport{next, log} })
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("cannot set up the client of the cache: %w", err)
	}
	return client, nil
}

type patientTransport struct {
	next http.RoundTripper
	log  logr.Logger
}

// RoundTrip tries until there is an answer that an informer can do something with,
// or until the request's context ends. A cache only reads, so that no request does
// harm when it is sent again.
func (t patientTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	for told, pause := "", firstPause; ; pause = min(2*pause, maxPause) {
		response, err := t.next.RoundTrip(request)
		obstacle := obstacleOf(response, err)
		if obstacle == nil {
			if told != "" {
				t.log.Info("The API server answers the cache again", "path", request.URL.Path)
			}
			return response, err
		}
		if told != obstacle.Error() {
			told = obstacle.Error()
			t.log.Info("The cache waits for the API server", "path", request.URL.Path, "cause", told)
		}
		discard(response)
		if !retry.Pause(request.Context(), pause) {
			return nil, errors.Join(request.Context().Err(), obstacle)
		}
	}
}

// obstacleOf is why a request has to wait. Of refusals these are about us or about
// the API server as a whole; all others are about the question, and informers have
// an answer to each: 410 and 504 say that a version is too old, or too new.
func obstacleOf(response *http.Response, err error) error {
	if err != nil {
		return err
	}
	switch response.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden,
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable:
		return fmt.Errorf("the API server answers %s", response.Status)
	default:
		return nil
	}
}

// discard reads what little there is to a refusal.
func discard(response *http.Response) {
	if response == nil {
		return
	}
	// Whatever goes wrong here costs a connection, and nothing else.
	_, _ = io.CopyN(io.Discard, response.Body, maxDrained)
	_ = response.Body.Close()
}
