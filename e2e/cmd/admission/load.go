package main

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/spillway-io/spillway/e2e/admissions"
	"github.com/spillway-io/spillway/e2e/playground"
)

// asked is how many admissions a server answers at a time.
const asked = 8

// server is one that answers admissions.
type server struct {
	*admissions.Server
	process *playground.Process
}

func newServer(name, url, ca string, process *playground.Process) (*server, error) {
	asked, err := admissions.NewServer(name, url, ca)
	return &server{Server: asked, process: process}, err
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
func (s *server) load(ctx context.Context, reviews *admissions.Reviews, admissions int) (cost, error) {
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
				review := reviews.Next()
				began := time.Now()
				if _, err := s.Ask(ctx, review); err != nil {
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
