package versions

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"k8s.io/client-go/rest"

	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/site"
)

// dateStep is how exact the header Date is.
const dateStep = time.Second

// Clocks asks each API server for the time.
func Clocks(ctx context.Context, s *site.Site) finding.Outcome {
	var o finding.Outcome
	var clocks []Clock
	look := func(name string, c *site.Cluster) {
		clock, err := clockOf(ctx, name, c, s.Now)
		if err != nil {
			o.Hidden("the clock of "+name, err, "get /version")
			return
		}
		clocks = append(clocks, clock)
		o.Fact("%s differs from this machine by %s, give or take %s", name, clock.Ahead.Round(100*time.Millisecond), clock.Within.Round(100*time.Millisecond))
	}
	look("the upstream cluster", &s.Upstream)
	for i := range s.Nodes {
		n := &s.Nodes[i]
		name := "the downstream cluster of virtual node " + n.Name
		if n.Unreached(&o, "the clock of "+name) {
			continue
		}
		look(name, n.Downstream)
	}
	o.Add(JudgeClocks(clocks)...)
	return o
}

// clockOf reads the header that every answer has. The server looked at its clock at
// some time between the request and the answer.
func clockOf(ctx context.Context, name string, c *site.Cluster, now func() time.Time) (Clock, error) {
	client, err := rest.HTTPClientFor(c.Config)
	if err != nil {
		return Clock{}, fmt.Errorf("cannot make a client: %w", err)
	}
	address := c.Client.Discovery().RESTClient().Get().AbsPath("/version").URL()
	// The first request opens the connection, and is not measured.
	if _, err := dateOf(ctx, client, address.String()); err != nil {
		return Clock{}, err
	}
	sent := now()
	date, err := dateOf(ctx, client, address.String())
	if err != nil {
		return Clock{}, err
	}
	took := now().Sub(sent)
	return Clock{Name: name, Ahead: date.Add(dateStep / 2).Sub(sent.Add(took / 2)), Within: (took + dateStep) / 2}, nil
}

func dateOf(ctx context.Context, client *http.Client, address string) (time.Time, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return time.Time{}, fmt.Errorf("cannot make a request: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return time.Time{}, err
	}
	defer func() { _ = response.Body.Close() }() // Nothing was written that could be lost.
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20)); err != nil {
		return time.Time{}, err
	}
	date, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return time.Time{}, fmt.Errorf("the answer has no date: %w", err)
	}
	return date, nil
}
