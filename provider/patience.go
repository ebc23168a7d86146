package provider

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"k8s.io/client-go/rest"
)

// reconnectPause is how long a request waits before it tries again to connect.
const reconnectPause = 2 * time.Second

// patientClient returns the HTTP client of a cache. Its requests wait for an API
// server that cannot be reached; they do not fail. An informer whose requests
// fail pauses, longer each time and finally for up to a minute, and for that
// long after an outage we would go on telling what was true before it.
func patientClient(config *rest.Config) (*http.Client, error) {
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return patientTransport{next} })
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("cannot set up the client of the cache: %w", err)
	}
	return client, nil
}

type patientTransport struct{ next http.RoundTripper }

// RoundTrip tries until there is an answer or the request's context ends. Only
// requests that were never sent are repeated, and a cache's have no body.
func (t patientTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	for {
		response, err := t.next.RoundTrip(request)
		if err == nil || !isDialError(err) {
			return response, err
		}
		timer := time.NewTimer(reconnectPause)
		select {
		case <-request.Context().Done():
			timer.Stop()
			return nil, err
		case <-timer.C:
		}
	}
}

func isDialError(err error) bool {
	var failed *net.OpError
	return errors.As(err, &failed) && failed.Op == "dial"
}
