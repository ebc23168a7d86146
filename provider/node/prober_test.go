package node

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
)

// slowness is an API server that answers everything, after a while.
type slowness struct {
	takes   atomic.Int64 // a time.Duration
	refuses atomic.Bool
	// dies: nothing is answered any more from the next question for the version on.
	dies atomic.Bool
	// unclaimed: nothing may be written there.
	unclaimed atomic.Bool
}

func (s *slowness) RoundTrip(request *http.Request) (*http.Response, error) {
	if s.refuses.Load() {
		return nil, errors.New("connection refused")
	}
	if s.dies.Load() && request.URL.Path == "/version" {
		s.takes.Store(int64(time.Hour))
	}
	timer := time.NewTimer(time.Duration(s.takes.Load()))
	defer timer.Stop()
	select {
	case <-request.Context().Done():
		return nil, request.Context().Err()
	case <-timer.C:
	}
	header := http.Header{"Content-Type": []string{"application/json"}}
	return &http.Response{StatusCode: http.StatusOK, Header: header, Request: request, Body: io.NopCloser(strings.NewReader(`{"gitVersion":"v1.37.0"}`))}, nil
}

// identified is an answer that is right at once.
func identified(context.Context) (string, error) { return "downstream-uid", nil }

// TestProberClocks: how long it takes until the Node says that something is wrong,
// and right again, with the default interval.
func TestProberClocks(t *testing.T) {
	cases := map[string]struct {
		reason string
		worsen func(*slowness)
		// from and to are when the Node is NotReady after that; 0 is never.
		from, to time.Duration
		// back is how long it takes to be Ready after all is well again, at most.
		back time.Duration
	}{
		"slow":  {reason: "5 s for every request is slow, not away.", worsen: func(s *slowness) { s.takes.Store(int64(5 * time.Second)) }},
		"hangs": {reason: "Nobody says anything.", worsen: func(s *slowness) { s.takes.Store(int64(time.Hour)) }, from: 30 * time.Second, to: 45 * time.Second, back: 12 * time.Second},
		"hangs after an answer": {
			reason: "It said that it is ready, and nothing after that.", worsen: func(s *slowness) { s.dies.Store(true) },
			from: 30 * time.Second, to: 45 * time.Second, back: 12 * time.Second,
		},
		"claimed by others": {
			reason: "It answers everything, and a pod would wait for ever.", worsen: func(s *slowness) { s.unclaimed.Store(true) },
			from: 20 * time.Second, to: 32 * time.Second, back: 2 * time.Second,
		},
		"refuses": {reason: "Nobody listens.", worsen: func(s *slowness) { s.refuses.Store(true) }, from: 20 * time.Second, to: 32 * time.Second, back: 2 * time.Second},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				server := &slowness{}
				changes := readinessBehind(ctx, t, server)
				if ready := <-changes; !ready {
					t.Fatal("not Ready to begin with")
				}
				<-time.After(time.Minute)
				tc.worsen(server)
				began := time.Now()
				if tc.to == 0 {
					select {
					case <-changes:
						t.Errorf("%s\nNotReady after %s", tc.reason, time.Since(began))
					case <-time.After(10 * time.Minute):
					}
					return
				}
				<-changes
				if took := time.Since(began); took < tc.from || took > tc.to {
					t.Errorf("%s\nNotReady after %s, want %s to %s", tc.reason, took, tc.from, tc.to)
				}
				server.dies.Store(false)
				server.takes.Store(0)
				server.refuses.Store(false)
				server.unclaimed.Store(false)
				began = time.Now()
				<-changes
				if took := time.Since(began); took > tc.back {
					t.Errorf("%s\nReady again after %s, want at most %s", tc.reason, took, tc.back)
				}
			})
		})
	}
}

// readinessBehind sends the readiness whenever it changes, as the keeper would see
// it, until ctx ends.
func readinessBehind(ctx context.Context, t *testing.T, server *slowness) <-chan bool {
	t.Helper()
	client, err := discovery.NewDiscoveryClientForConfig(&rest.Config{Host: "https://downstream.example", Transport: server})
	if err != nil {
		t.Fatal(err)
	}
	writable := func() error {
		if server.unclaimed.Load() {
			return errors.New("not claimed")
		}
		return nil
	}
	p := prober{downstream: client, identify: identified, writable: writable, interval: DefaultProbeInterval}
	verdicts, changes := make(chan verdict), make(chan bool)
	go p.run(ctx, verdict{}, verdicts)
	go func() {
		var ready Readiness
		for {
			select {
			case <-ctx.Done():
				return
			case v := <-verdicts:
				before := ready.OK
				if ready = ready.Observe(v.err, time.Now()); ready.OK == before {
					continue
				}
			}
			select {
			case <-ctx.Done():
				return
			case changes <- ready.OK:
			}
		}
	}()
	return changes
}
