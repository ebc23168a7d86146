package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/playground"
)

// creators is how many pods are created at a time, but in a burst.
const creators = 32

// turn is what was seen while the pods of a case were created.
type turn struct {
	// latencies are those of the creates, sorted.
	latencies []time.Duration
	took      time.Duration
	// used is the CPU time of each process.
	used map[string]time.Duration
	// calls is how often the webhook was asked.
	calls int
}

// The processes that take part.
const (
	apiServer = "API server"
	etcd      = "etcd"
	asked     = "webhook"
	ourselves = "client"
)

func (t turn) rate() float64 { return float64(len(t.latencies)) / t.took.Seconds() }

func (t turn) percentile(p int) time.Duration {
	return t.latencies[min(len(t.latencies)-1, len(t.latencies)*p/100)]
}

// perPod is the CPU time that processes used for each pod, in milliseconds.
func (t turn) perPod(processes ...string) float64 {
	sum := time.Duration(0)
	for _, process := range processes {
		sum += t.used[process]
	}
	return sum.Seconds() * 1000 / float64(len(t.latencies))
}

// turn creates pods, so many at a time, measures that, and deletes them.
func (s *stage) turn(ctx context.Context, c *subject, pods, together int) (turn, error) {
	ctx, cancel := context.WithTimeout(ctx, turnTimeout)
	defer cancel()
	calls, err := s.calls(ctx, c)
	if err != nil {
		return turn{}, err
	}
	before, err := s.sample(c)
	if err != nil {
		return turn{}, err
	}
	began := time.Now()
	t := turn{}
	if t.latencies, err = s.create(ctx, c, pods, together); err != nil {
		return turn{}, err
	}
	t.took = time.Since(began)
	slices.Sort(t.latencies)
	if t.used, err = s.sample(c); err != nil {
		return turn{}, err
	}
	for process := range t.used {
		t.used[process] -= before[process]
	}
	t.calls, err = s.calls(ctx, c)
	t.calls -= calls
	return t, err
}

// create returns how long each create took.
func (s *stage) create(ctx context.Context, c *subject, pods, together int) ([]time.Duration, error) {
	var left atomic.Int64
	left.Store(int64(pods))
	var mu sync.Mutex
	all := make([]time.Duration, 0, pods)
	start := make(chan struct{})
	group, ctx := errgroup.WithContext(ctx)
	for range together {
		group.Go(func() error {
			<-start
			var took []time.Duration
			for left.Add(-1) >= 0 {
				began := time.Now()
				if _, err := s.client.CoreV1().Pods(c.name).Create(ctx, c.pod, metav1.CreateOptions{}); err != nil {
					return fmt.Errorf("cannot create a pod: %w", err)
				}
				took = append(took, time.Since(began))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			return nil
		})
	}
	close(start)
	return all, group.Wait()
}

// sample is the CPU time that each process has used so far.
func (s *stage) sample(c *subject) (map[string]time.Duration, error) {
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		return nil, fmt.Errorf("cannot measure this process: %w", err)
	}
	used := map[string]time.Duration{ourselves: time.Duration(own.Utime.Nano() + own.Stime.Nano())}
	processes := map[string]*playground.Process{apiServer: s.cluster.APIServer, etcd: s.cluster.Etcd}
	if c.process != nil {
		processes[asked] = c.process
	}
	for name, process := range processes {
		usage, err := process.Usage()
		if err != nil {
			return nil, err
		}
		used[name] = usage.CPU
	}
	return used, nil
}

// clear deletes the pods of a case, and waits until they are gone and Spillway,
// where it counts them, has seen that.
func (s *stage) clear(ctx context.Context, c *subject) error {
	ctx, cancel := context.WithTimeout(ctx, turnTimeout)
	defer cancel()
	pods := s.client.CoreV1().Pods(c.name)
	return playground.Eventually(ctx, "the pods of "+c.name+" are gone", func(ctx context.Context) error {
		if err := pods.DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))}, metav1.ListOptions{}); err != nil {
			return err
		}
		list, err := pods.List(ctx, metav1.ListOptions{Limit: 1})
		if err == nil && len(list.Items) > 0 {
			err = errors.New("there are some")
		}
		if err != nil || !c.spread {
			return err
		}
		return s.countsNone(ctx, c)
	})
}
