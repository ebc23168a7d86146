package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
)

type options struct {
	admissions, rounds       int
	spillway, profiles, only string
}

const (
	stopTimeout = time.Minute
	// setTimeout is how long the cluster may take to be as a scenario wants it.
	setTimeout = 2 * time.Minute
)

func run(ctx context.Context, out io.Writer, o options) (err error) {
	dir, err := os.MkdirTemp("", "spillway-admission-")
	if err != nil {
		return fmt.Errorf("cannot make a folder for the cluster: %w", err)
	}
	s, err := start(ctx, dir, o.spillway)
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		err = errors.Join(err, s.stop(ctx), os.RemoveAll(dir))
	}()
	if err != nil {
		return err
	}
	pod, err := s.pod(ctx)
	if err != nil {
		return err
	}
	var results []result
	for _, scenario := range scenarios() {
		if o.only != "" && !slices.Contains(strings.Split(o.only, ","), scenario.name) {
			continue
		}
		r, err := s.measure(ctx, scenario, pod, o)
		if err != nil {
			return fmt.Errorf("%s (%s): %w", scenario.name, scenario.what, err)
		}
		results = append(results, r)
	}
	return report(out, results)
}

// result is what was seen of a scenario.
type result struct {
	scenario
	raw, decode, spillway  cost
	operations, patch, ask int
}

func (s *stage) measure(ctx context.Context, sc scenario, pod *corev1.Pod, o options) (result, error) {
	requests, err := newReviews(pod, sc.labels)
	if err != nil {
		return result{}, err
	}
	r := result{scenario: sc, ask: requests.size()}
	patch, operations, err := s.set(ctx, sc, requests)
	if err != nil {
		return result{}, err
	}
	r.operations, r.patch = operations, len(patch)
	servers := []struct {
		*server
		into *cost
	}{{s.raw, &r.raw}, {s.decode, &r.decode}, {s.spillway, &r.spillway}}
	for _, warmed := range servers {
		if _, err := warmed.load(ctx, requests, 100); err != nil {
			return result{}, err
		}
	}
	for range o.rounds {
		for _, measured := range servers {
			took, err := measured.load(ctx, requests, o.admissions)
			if err != nil {
				return result{}, err
			}
			*measured.into = measured.into.plus(took)
		}
	}
	if o.profiles != "" {
		err = s.profile(ctx, requests, filepath.Join(o.profiles, sc.name+".pprof"))
	}
	return r, err
}

// profile has the webhook profiled while it admits.
func (s *stage) profile(ctx context.Context, requests *reviews, file string) error {
	const seconds, admissions = 5, 500
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	done := make(chan struct{})
	group.Go(func() error {
		defer close(done)
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.profiles+"/debug/pprof/profile?seconds="+strconv.Itoa(seconds), nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(response.Body)
		return errors.Join(err, response.Body.Close(), os.WriteFile(file, body, 0o600))
	})
	group.Go(func() error {
		for {
			select {
			case <-done:
				return nil
			default:
			}
			if _, err := s.spillway.load(ctx, requests, admissions); err != nil {
				return err
			}
		}
	})
	return group.Wait()
}

func report(out io.Writer, results []result) error {
	// What cannot be written shows when the table is flushed.
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "\tCPU s per 1,000\t\t\tp50 / p99 ms\t\tRSS\trequest\tpatch\t")
	_, _ = fmt.Fprintln(table, "scenario\traw\tdecode\tspillway\tdecode\tspillway\tMiB\tbytes\toperations, bytes\t")
	for _, r := range results {
		_, _ = fmt.Fprintf(table, "%s %s\t%.3f\t%.3f\t%.3f\t%s\t%s\t%d\t%d\t%d, %d\t\n", r.name, r.what,
			r.raw.perThousand(), r.decode.perThousand(), r.spillway.perThousand(), latency(r.decode), latency(r.spillway),
			r.spillway.resident>>20, r.ask, r.operations, r.patch)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	var lines strings.Builder
	for _, r := range results {
		if r.limit > 0 {
			fmt.Fprintf(&lines, "RATIO admission-%s %.2f %.2f\n", r.name, r.spillway.perThousand()/r.decode.perThousand(), r.limit)
		}
		if r.scenario.operations > 0 {
			fmt.Fprintf(&lines, "RATIO admission-%s-operations %d %d\n", r.name, r.operations, r.scenario.operations)
		}
	}
	_, err := io.WriteString(out, lines.String())
	return err
}

func latency(c cost) string {
	return fmt.Sprintf("%.1f / %.1f", c.percentile(50).Seconds()*1000, c.percentile(99).Seconds()*1000)
}

// fits says whether the webhook knows what the scenario is about.
func (s scenario) fits(patch []byte, operations int) error {
	text := string(patch)
	injected := strings.Count(text, api.InjectedEnv)
	// Every third of a set's containers has the sign.
	if want := 3 * s.sets; injected != want {
		return fmt.Errorf("the patch has %d sidecars, not %d", injected, want)
	}
	if has := strings.Contains(text, api.MatchedWorkloadSpreadAnnotation[strings.Index(api.MatchedWorkloadSpreadAnnotation, "/")+1:]); has != (s.capacity > 0) {
		return fmt.Errorf("the patch names a WorkloadSpread: %t", has)
	}
	if optedIn := s.labels[api.OptInLabel] == api.OptedIn; optedIn != (operations > 0) {
		return fmt.Errorf("the patch has %d operations", operations)
	}
	return nil
}
