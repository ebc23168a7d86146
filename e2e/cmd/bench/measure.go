package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"

	"github.com/spillway-io/spillway/e2e/playground"
)

// clients is how many pods are created, and deleted, at a time.
const clients = 16

// load is what is created and where.
type load struct {
	cluster   *playground.Cluster
	namespace string
	labels    map[string]string
	pods      int
	// processes are measured meanwhile, under these names.
	processes map[string]*playground.Process
}

// result is what was seen.
type result struct {
	// latencies are the times from a pod's create request to Running, sorted.
	latencies []time.Duration
	// allRunning is the time from the first request to the last pod's Running,
	// allGone that from the first deletion to the last pod's end.
	allRunning, allGone time.Duration
	// used is what the processes used until all pods were Running.
	used map[string]playground.Usage
}

func (r result) rate() float64 { return float64(len(r.latencies)) / r.allRunning.Seconds() }

func (r result) percentile(p int) time.Duration {
	return r.latencies[min(len(r.latencies)-1, len(r.latencies)*p/100)]
}

func (r result) cpu(process string, pods int) string {
	used, ok := r.used[process]
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%.1f s (%.1f ms/pod)", used.CPU.Seconds(), used.CPU.Seconds()*1000/float64(pods))
}

func (r result) memory(process string) string {
	used, ok := r.used[process]
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%d MiB", used.Resident>>20)
}

// ledger notes when each pod was asked for, ran and went.
type ledger struct {
	mu                     sync.Mutex
	asked, running, ending map[string]time.Time
}

func measure(ctx context.Context, l load) (result, error) {
	if err := l.cluster.CreateNamespace(ctx, l.namespace, nil); err != nil {
		return result{}, err
	}
	notes := &ledger{asked: map[string]time.Time{}, running: map[string]time.Time{}, ending: map[string]time.Time{}}
	stop, err := notes.watch(ctx, l)
	if err != nil {
		return result{}, err
	}
	defer stop()

	before, err := sample(l.processes)
	if err != nil {
		return result{}, err
	}
	began := time.Now()
	if err := l.each(ctx, func(ctx context.Context, name string) error {
		notes.note(notes.asked, name)
		_, err := l.cluster.Client().CoreV1().Pods(l.namespace).Create(ctx, l.pod(name), metav1.CreateOptions{})
		return err
	}); err != nil {
		return result{}, fmt.Errorf("cannot create the pods: %w", err)
	}
	if err := notes.wait(ctx, "all pods run", notes.running, l.pods); err != nil {
		return result{}, err
	}
	after, err := sample(l.processes)
	if err != nil {
		return result{}, err
	}
	r := notes.result(began)
	r.used = difference(before, after)

	began = time.Now()
	if err := l.each(ctx, func(ctx context.Context, name string) error {
		return l.cluster.Client().CoreV1().Pods(l.namespace).Delete(ctx, name, metav1.DeleteOptions{})
	}); err != nil {
		return result{}, fmt.Errorf("cannot delete the pods: %w", err)
	}
	if err := notes.wait(ctx, "all pods are gone", notes.ending, l.pods); err != nil {
		return result{}, err
	}
	for _, at := range notes.ending {
		r.allGone = max(r.allGone, at.Sub(began))
	}
	return r, nil
}

// each calls do for every pod's name, several at a time.
func (l load) each(ctx context.Context, do func(context.Context, string) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(clients)
	for i := range l.pods {
		group.Go(func() error { return do(ctx, fmt.Sprintf("pod-%05d", i)) })
	}
	return group.Wait()
}

func (l load) pod(name string) *corev1.Pod {
	grace := int64(1)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: l.labels},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: &grace,
			Containers:                    []corev1.Container{{Name: "app", Image: "app:1"}, {Name: "exporter", Image: "exporter:1"}},
		},
	}
}

func (n *ledger) watch(ctx context.Context, l load) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	factory := informers.NewSharedInformerFactoryWithOptions(l.cluster.Client(), 0, informers.WithNamespace(l.namespace))
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
	n.mu.Lock()
	defer n.mu.Unlock()
	var r result
	for name, at := range n.running {
		r.latencies = append(r.latencies, at.Sub(n.asked[name]))
		r.allRunning = max(r.allRunning, at.Sub(began))
	}
	slices.Sort(r.latencies)
	return r
}

func sample(processes map[string]*playground.Process) (map[string]playground.Usage, error) {
	samples := make(map[string]playground.Usage, len(processes))
	for name, process := range processes {
		var err error
		if samples[name], err = process.Usage(); err != nil {
			return nil, err
		}
	}
	return samples, nil
}

func difference(before, after map[string]playground.Usage) map[string]playground.Usage {
	used := make(map[string]playground.Usage, len(after))
	for name := range after {
		used[name] = playground.Usage{CPU: after[name].CPU - before[name].CPU, Resident: after[name].Resident}
	}
	return used
}
