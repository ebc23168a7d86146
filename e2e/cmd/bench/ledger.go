package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"

	"github.com/spillway-io/spillway/e2e/playground"
)

// ledger notes when each pod was asked for, ran and went.
type ledger struct {
	mu                     sync.Mutex
	asked, running, ending map[string]time.Time
}

func newLedger() *ledger {
	return &ledger{asked: map[string]time.Time{}, running: map[string]time.Time{}, ending: map[string]time.Time{}}
}

func (n *ledger) watch(ctx context.Context, l load) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	factory := informers.NewSharedInformerFactoryWithOptions(l.client, 0, informers.WithNamespace(l.namespace))
	_, err = factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { n.sees(o.(*corev1.Pod)) },
		UpdateFunc: func(_, o any) { n.sees(o.(*corev1.Pod)) },
		DeleteFunc: func(o any) {
			if name, err := cache.DeletionHandlingObjectToName(o); err == nil {
				n.note(n.ending, name.Name)
			}
		},
	})
	stop = func() {
		cancel()
		factory.Shutdown()
	}
	if err != nil {
		stop()
		return nil, fmt.Errorf("cannot watch the pods: %w", err)
	}
	factory.Start(ctx.Done())
	for _, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			stop()
			return nil, errors.New("cannot watch the pods: the cache was not filled in time")
		}
	}
	return stop, nil
}

func (n *ledger) sees(pod *corev1.Pod) {
	if pod.Status.Phase == corev1.PodRunning {
		n.note(n.running, pod.Name)
	}
}

// note keeps the first time at which something happened.
func (n *ledger) note(when map[string]time.Time, name string) {
	now := time.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, noted := when[name]; !noted {
		when[name] = now
	}
}

func (n *ledger) wait(ctx context.Context, what string, when map[string]time.Time, pods int) error {
	return playground.Eventually(ctx, what, func(context.Context) error {
		n.mu.Lock()
		defer n.mu.Unlock()
		if len(when) < pods {
			return fmt.Errorf("%d of %d", len(when), pods)
		}
		return nil
	})
}

func (n *ledger) result(began time.Time) result {
	r := result{allRunning: n.last(n.running, began)}
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, at := range n.running {
		r.latencies = append(r.latencies, at.Sub(n.asked[name]))
	}
	slices.Sort(r.latencies)
	return r
}

// last is the time from began until it had happened to all pods.
func (n *ledger) last(when map[string]time.Time, began time.Time) (longest time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, at := range when {
		longest = max(longest, at.Sub(began))
	}
	return longest
}
