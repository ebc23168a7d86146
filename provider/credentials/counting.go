package credentials

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// noAnswer is the code of requests that nobody answered.
const noAnswer = "error"

// counting returns what counts the requests of a cluster's clients, of whatever
// kubeconfig they are made from.
func (m *Metrics) counting(cluster string) func(http.RoundTripper) http.RoundTripper {
	requests := m.requests.MustCurryWith(prometheus.Labels{"cluster": cluster})
	// What never failed is 0, and not missing: a rate sees the first failure then.
	requests.WithLabelValues(noAnswer)
	return func(next http.RoundTripper) http.RoundTripper { return counter{next: next, requests: requests} }
}

// counter sends requests and counts the answers.
type counter struct {
	next     http.RoundTripper
	requests *prometheus.CounterVec
}

// RoundTrip counts a request that the client itself gave up not at all: that is
// nothing about the API server.
func (c counter) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := c.next.RoundTrip(request)
	switch {
	case err == nil:
		c.requests.WithLabelValues(strconv.Itoa(response.StatusCode)).Inc()
	case !errors.Is(err, context.Canceled):
		c.requests.WithLabelValues(noAnswer).Inc()
	}
	return response, err
}

// WrappedRoundTripper lets client-go find the connections, to close idle ones.
func (c counter) WrappedRoundTripper() http.RoundTripper { return c.next }
