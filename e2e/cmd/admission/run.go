package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/spillway-io/spillway/e2e/admissions"
	"github.com/spillway-io/spillway/e2e/playground"
	"github.com/spillway-io/spillway/e2e/ratio"
	"github.com/spillway-io/spillway/e2e/rig"
)

type options struct {
	admissions, rounds       int
	spillway, profiles, only string
	// json is the file that receives the report; empty: none.
	json string
}

// setTimeout is how long the cluster may take to be as a scenario wants it.
const setTimeout = 2 * time.Minute

func run(ctx context.Context, out io.Writer, o options) (err error) {
	r, err := rig.New("admission")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Clear(ctx)) }()
	s, err := start(ctx, r, o.spillway)
	if err != nil {
		return err
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	var results []result
	for _, scenario := range scenarios() {
		if o.only != "" && !slices.Contains(strings.Split(o.only, ","), scenario.name) {
			continue
		}
		r, err := s.measure(ctx, scenario, o)
		if err != nil {
			return fmt.Errorf("%s (%s): %w", scenario.name, scenario.what, err)
		}
		results = append(results, r)
	}
	found := report(results)
	return errors.Join(found.Print(out), found.Write(o.json))
}

// result is what was seen of a scenario.
type result struct {
	scenario
	raw, decode, spillway  cost
	operations, patch, ask int
}

func (s *stage) measure(ctx context.Context, sc scenario, o options) (result, error) {
	requests, err := admissions.NewReviews(s.pods[sc.owner], sc.labels)
	if err != nil {
		return result{}, err
	}
	r := result{scenario: sc, ask: requests.Size()}
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
func (s *stage) profile(ctx context.Context, requests *admissions.Reviews, file string) error {
	const seconds, admissions = 5, 500
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	done := make(chan struct{})
	group.Go(func() error {
		defer close(done)
		return playground.KeepProfile(ctx, s.profiles, "profile?seconds="+strconv.Itoa(seconds), file)
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

// report is what the scenarios have shown.
func report(results []result) *ratio.Report {
	r := ratio.New("admission")
	table := ratio.Table{
		Title:   fmt.Sprintf("What an admission costs a webhook, %d at a time: CPU seconds per 1,000, latencies in milliseconds (p50 / p99)", asked),
		Columns: []string{"scenario", "", "raw", "decode and allow", "Spillway", "decode: latency", "Spillway: latency", "RSS, MiB", "request, bytes", "patch: operations", "bytes"},
	}
	for _, seen := range results {
		table.Rows = append(table.Rows, []string{
			seen.name, seen.what,
			fmt.Sprintf("%.3f", seen.raw.perThousand()), fmt.Sprintf("%.3f", seen.decode.perThousand()), fmt.Sprintf("%.3f", seen.spillway.perThousand()),
			latency(seen.decode), latency(seen.spillway), strconv.FormatUint(seen.spillway.resident>>20, 10),
			strconv.Itoa(seen.ask), strconv.Itoa(seen.operations), strconv.Itoa(seen.patch),
		})
		if seen.limit > 0 {
			r.AtMost("admission-"+seen.name, seen.spillway.perThousand()/seen.decode.perThousand(), seen.limit)
		}
		if seen.scenario.operations > 0 {
			r.AtMost("admission-"+seen.name+"-operations", float64(seen.operations), float64(seen.scenario.operations))
		}
	}
	r.Tables = append(r.Tables, table)
	return r
}

func latency(c cost) string {
	return fmt.Sprintf("%.1f / %.1f", c.percentile(50).Seconds()*1000, c.percentile(99).Seconds()*1000)
}
