package credentials

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestCounting: answers are counted by their status, and what nobody answered; not what
// the client gave up.
func TestCounting(t *testing.T) {
	registry := prometheus.NewRegistry()
	metrics, err := NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	var answer error
	code := http.StatusOK
	sent := metrics.counting("downstream")(roundTrip(func(*http.Request) (*http.Response, error) {
		if answer != nil {
			return nil, answer
		}
		return &http.Response{StatusCode: code, Body: http.NoBody}, nil
	}))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://127.0.0.1/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		code   int
		answer error
	}{
		{http.StatusOK, nil},
		{http.StatusOK, nil},
		{http.StatusServiceUnavailable, nil},
		{0, errors.New("connection refused")},
		{0, context.DeadlineExceeded},
		{0, fmt.Errorf("given up: %w", context.Canceled)},
	} {
		code, answer = c.code, c.answer
		response, err := sent.RoundTrip(request)
		if !errors.Is(err, c.answer) {
			t.Errorf("%v became %v", c.answer, err)
		}
		if err == nil {
			_ = response.Body.Close()
		}
	}
	const want = `# HELP spillway_api_requests_total Requests to the API server of a cluster, by the HTTP status of the answer, or error if there was none. A watch counts when it begins.
# TYPE spillway_api_requests_total counter
spillway_api_requests_total{cluster="downstream",code="200"} 2
spillway_api_requests_total{cluster="downstream",code="503"} 1
spillway_api_requests_total{cluster="downstream",code="error"} 2
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "spillway_api_requests_total"); err != nil {
		t.Error(err)
	}
}
