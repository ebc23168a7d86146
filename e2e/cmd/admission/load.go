package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/spillway-io/spillway/e2e/playground"
)

// asked is how many admissions a server answers at a time.
const asked = 8

// server is one that answers admissions.
type server struct {
	name    string
	url     string
	process *playground.Process
	client  *http.Client
}

// newServer knows a server by the CA of its certificate. As API servers do, it speaks
// HTTP/1.1 to it, and keeps connections.
func newServer(name, url, ca string, process *playground.Process) (*server, error) {
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("cannot read the CA of %s: %w", name, err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s is no CA", ca)
	}
	return &server{name: name, url: url + "?timeout=10s", process: process, client: &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			MaxIdleConnsPerHost: 25,
			TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{},
		},
	}}, nil
}

// answer is as much of an answer as is looked at.
type answer struct {
	Response struct {
		Allowed  bool     `json:"allowed"`
		Patch    []byte   `json:"patch"`
		Warnings []string `json:"warnings"`
	} `json:"response"`
}

// ask posts a review and returns the answer as it came.
func (s *server) ask(ctx context.Context, review []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(review))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK || !bytes.Contains(body, []byte(`"allowed":true`)) {
		return nil, fmt.Errorf("%s does not allow the pod: %s %.500s", s.name, response.Status, body)
	}
	return body, nil
}

// patch asks once and returns the patch, and how many operations it has.
func (s *server) patch(ctx context.Context, review []byte) (patch []byte, operations int, err error) {
	body, err := s.ask(ctx, review)
	if err != nil {
		return nil, 0, err
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, 0, err
	}
	var list []json.RawMessage
	if len(a.Response.Patch) > 0 {
		err = json.Unmarshal(a.Response.Patch, &list)
	}
	if err == nil && len(a.Response.Warnings) > 0 {
		err = fmt.Errorf("%s warns: %q", s.name, a.Response.Warnings)
	}
	return a.Response.Patch, len(list), err
}

// cost is what admissions took.
type cost struct {
	admissions int
	cpu        time.Duration
	latencies  []time.Duration
	resident   uint64
}

// perThousand is in CPU seconds.
func (c cost) perThousand() float64 { return c.cpu.Seconds() * 1000 / float64(c.admissions) }

func (c cost) percentile(p int) time.Duration {
	return c.latencies[min(len(c.latencies)-1, len(c.latencies)*p/100)]
}

func (c cost) plus(other cost) cost {
	sum := cost{
		admissions: c.admissions + other.admissions, cpu: c.cpu + other.cpu,
		latencies: slices.Concat(c.latencies, other.latencies), resident: max(c.resident, other.resident),
	}
	slices.Sort(sum.latencies)
	return sum
}

// load posts so many reviews, each with a uid of its own.
func (s *server) load(ctx context.Context, reviews *reviews, admissions int) (cost, error) {
	before, err := s.process.Usage()
	if err != nil {
		return cost{}, err
	}
	var left atomic.Int64
	left.Store(int64(admissions))
	var mu sync.Mutex
	all := make([]time.Duration, 0, admissions)
	group, ctx := errgroup.WithContext(ctx)
	for range asked {
		group.Go(func() error {
			var took []time.Duration
			for left.Add(-1) >= 0 {
				review := reviews.next()
				began := time.Now()
				if _, err := s.ask(ctx, review); err != nil {
					return err
				}
				took = append(took, time.Since(began))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return cost{}, err
	}
	after, err := s.process.Usage()
	return cost{admissions: admissions, cpu: after.CPU - before.CPU, latencies: all, resident: after.Resident}, err
}
