package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/spillway-io/spillway/e2e/playground"
)

// clients is how many pods are created, and deleted, at a time.
const clients = 16

// load is what is created and where.
type load struct {
	client    kubernetes.Interface
	namespace string
	labels    map[string]string
	// node is the node that the pods name; empty leaves them to the scheduler.
	node string
	pods int
	// processes are measured meanwhile, under these names, and counters are asked.
	processes map[string]*playground.Process
	counters  counters
	// profiles are taken meanwhile; nil takes none.
	profiles *profiler
}

// result is what was seen.
type result struct {
	// latencies are the times from a pod's create request to Running, sorted.
	latencies []time.Duration
	// allRunning is the time from the first request to the last pod's Running,
	// allGone that from the first deletion to the last pod's end.
	allRunning, allGone time.Duration
	// used is what the processes used until all pods were Running, and ended what
	// they used from then on until all were gone.
	used, ended map[string]playground.Usage
	// asked are the requests until all pods were Running, and askedToEnd those from
	// then on.
	asked, askedToEnd requests
}

func (r result) rate() float64 { return float64(len(r.latencies)) / r.allRunning.Seconds() }

func (r result) endRate() float64 { return float64(len(r.latencies)) / r.allGone.Seconds() }

func (r result) percentile(p int) time.Duration {
	return r.latencies[min(len(r.latencies)-1, len(r.latencies)*p/100)]
}

// perPod is the CPU time that a process used for each pod, in milliseconds.
func (r result) perPod(used map[string]playground.Usage, process string) float64 {
	return used[process].CPU.Seconds() * 1000 / float64(len(r.latencies))
}

func measure(ctx context.Context, l load) (result, error) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: l.namespace}}
	if _, err := l.client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		return result{}, fmt.Errorf("cannot create the namespace: %w", err)
	}
	notes := newLedger()
	stop, err := notes.watch(ctx, l)
	if err != nil {
		return result{}, err
	}
	defer stop()
	l.profiles.begin(ctx)
	before, err := l.counters.count(ctx)
	if err != nil {
		return result{}, err
	}
	r, err := l.run(ctx, notes)
	if err != nil {
		return result{}, err
	}
	loaded, err := l.counters.count(ctx)
	if err != nil {
		return result{}, err
	}
	if err := l.profiles.loaded(ctx); err != nil {
		return result{}, err
	}
	if err := l.end(ctx, notes, &r); err != nil {
		return result{}, err
	}
	after, err := l.counters.count(ctx)
	r.asked, r.askedToEnd = loaded.since(before), after.since(loaded)
	return r, errors.Join(err, l.profiles.gone())
}

// run creates the pods and waits until they are Running.
func (l load) run(ctx context.Context, notes *ledger) (result, error) {
	before, err := sample(l.processes)
	if err != nil {
		return result{}, err
	}
	began := time.Now()
	if err := l.each(ctx, func(ctx context.Context, name string) error {
		notes.note(notes.asked, name)
		_, err := l.client.CoreV1().Pods(l.namespace).Create(ctx, l.pod(name), metav1.CreateOptions{})
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
	return r, nil
}

// end deletes the pods and waits until they are gone.
func (l load) end(ctx context.Context, notes *ledger, r *result) error {
	before, err := sample(l.processes)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := l.each(ctx, func(ctx context.Context, name string) error {
		return l.client.CoreV1().Pods(l.namespace).Delete(ctx, name, metav1.DeleteOptions{})
	}); err != nil {
		return fmt.Errorf("cannot delete the pods: %w", err)
	}
	if err := notes.wait(ctx, "all pods are gone", notes.ending, l.pods); err != nil {
		return err
	}
	after, err := sample(l.processes)
	if err != nil {
		return err
	}
	r.allGone, r.ended = notes.last(notes.ending, began), difference(before, after)
	return nil
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
			NodeName:                      l.node,
			TerminationGracePeriodSeconds: &grace,
			Containers:                    []corev1.Container{{Name: "app", Image: "app:1"}, {Name: "exporter", Image: "exporter:1"}},
		},
	}
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

// middle is the median of what is measured in several rounds.
func middle(rounds []result, figure func(result) float64) float64 {
	figures := make([]float64, 0, len(rounds))
	for _, r := range rounds {
		figures = append(figures, figure(r))
	}
	return median(figures)
}

// compared is the median of one rate as a part of another, round by round: a machine
// that others use, too, is another one in the next round.
func compared(rounds, of []result, rate func(result) float64) float64 {
	parts := make([]float64, 0, len(rounds))
	for i := range rounds {
		parts = append(parts, rate(rounds[i])/rate(of[i]))
	}
	return median(parts)
}

func median(figures []float64) float64 {
	slices.Sort(figures)
	n := len(figures)
	return (figures[(n-1)/2] + figures[n/2]) / 2
}
