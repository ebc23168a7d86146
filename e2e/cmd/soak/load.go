package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/e2e/playground"
)

const (
	// lives is how many seconds a pod lives, so that there are that many times the rate.
	lives = 20
	// step is how often it is looked at what is due.
	step = 50 * time.Millisecond
	// crowd is how many seconds' worth of pods may be coming and going at a time. A
	// machine that cannot do the rate does what it can, instead of letting ever more wait.
	crowd = 8
	// clients is how many requests there are at a time.
	clients = 16
	// askTimeout bounds a request. It is as long as it takes until one that fails says
	// something else than that the machine is busy.
	askTimeout = 30 * time.Second
)

// load has pods come and go.
type load struct {
	*stage
	world *world
	out   io.Writer
	// half is the rate of each of the two kinds of pods.
	half int

	mu sync.Mutex
	// current is the namespace where pods come from; steady says that its Deployment is
	// not scaled, so that its pods are deleted one by one.
	current string
	steady  bool
	// bare is in which namespaces there are pods without an owner, the oldest first.
	bare []string
	done tally
}

// tally is what was done, and what could not be.
type tally struct {
	created, deleted   int
	missed             int
	logs, logFailures  int
	policies           int
	namespaces, waited int
	failed             []error
}

func newLoad(s *stage, w *world, o options, out io.Writer) *load {
	return &load{stage: s, world: w, out: out, half: o.rate / 2}
}

// runs does everything until ctx ends, which is no error.
func (l *load) runs(ctx context.Context) error {
	if err := l.upstream.Apply(ctx, everywhere); err != nil {
		return err
	}
	if err := l.prepares(ctx, generation(0)); err != nil {
		return err
	}
	group, inGroup := errgroup.WithContext(ctx)
	for _, do := range []func(context.Context) error{l.moves, l.churns, l.changesPolicies, l.reads} {
		group.Go(func() error { return do(inGroup) })
	}
	err := group.Wait()
	if ctx.Err() != nil {
		err = nil // a request that was under way at the end
	}
	return err
}

// churns creates and deletes pods at the rate.
func (l *load) churns(ctx context.Context) error {
	var requests errgroup.Group
	requests.SetLimit(clients)
	comes := pace{perSecond: float64(l.half), behind: 2 * l.half}
	goes, replaced := comes, comes
	began, number := time.Now(), 0
	for pause(ctx, step) {
		elapsed := time.Since(began)
		for range comes.due(elapsed) {
			if l.crowded() || comes.done-goes.done > (lives+5)*l.half {
				comes.couldNot()
				continue
			}
			namespace, name := l.home(), fmt.Sprintf("bare-%07d", number)
			number++
			requests.Go(func() error { return l.creates(ctx, namespace, name) })
		}
		// Pods that came one after the other go so, from when the first is old.
		for range goes.due(elapsed - lives*time.Second) {
			pod, found := l.oldestBare()
			if !found {
				goes.couldNot()
				continue
			}
			requests.Go(func() error { return l.deletes(ctx, pod) })
		}
		l.replaces(ctx, &replaced, elapsed, &requests)
	}
	l.notes(func(t *tally) { t.missed += comes.missed + goes.missed + replaced.missed })
	return requests.Wait()
}

// crowded says whether enough pods come and go.
func (l *load) crowded() bool { return l.world.underWay() > crowd*2*l.half }

// takes returns the oldest pod of a stream that runs, unless enough pods come and go.
func (l *load) takes(from stream) (ref, bool) {
	if l.crowded() {
		return ref{}, false
	}
	return l.world.takes(from)
}

// replaces deletes pods of the Deployment, which creates others, unless it is scaled just
// now, which has as many come and go.
func (l *load) replaces(ctx context.Context, due *pace, elapsed time.Duration, requests *errgroup.Group) {
	l.mu.Lock()
	steady, namespace := l.steady, l.current
	l.mu.Unlock()
	for range due.due(elapsed) {
		if !steady {
			continue
		}
		pod, found := l.takes(stream{namespace, spreadApp})
		if !found {
			due.couldNot()
			continue
		}
		requests.Go(func() error { return l.deletes(ctx, pod) })
	}
}

func (l *load) creates(ctx context.Context, namespace, name string) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	_, err := l.upstream.CoreV1().Pods(namespace).Create(ctx, barePod(namespace, name), metav1.CreateOptions{})
	if err != nil {
		return l.fails(ctx, fmt.Errorf("cannot create pod %s/%s: %w", namespace, name, err))
	}
	l.notes(func(t *tally) { t.created++ })
	return nil
}

func (l *load) deletes(ctx context.Context, pod ref) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	err := l.upstream.CoreV1().Pods(pod.namespace).Delete(ctx, pod.name, *metav1.NewPreconditionDeleteOptions(string(pod.uid)))
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return l.fails(ctx, fmt.Errorf("cannot delete pod %s/%s: %w", pod.namespace, pod.name, err))
	}
	l.notes(func(t *tally) { t.deleted++ })
	return nil
}

// fails keeps the first failures: nothing is broken, so none is expected. One that the
// end of the load caused is none.
func (l *load) fails(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil
	}
	const told = 20
	l.notes(func(t *tally) {
		if len(t.failed) < told {
			t.failed = append(t.failed, err)
		}
	})
	return nil
}

func (l *load) notes(what func(*tally)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	what(&l.done)
}

// home is where pods are created.
func (l *load) home() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current
}

func (l *load) oldestBare() (ref, bool) {
	l.mu.Lock()
	namespaces := l.bare
	l.mu.Unlock()
	for _, namespace := range namespaces {
		if pod, found := l.takes(stream{namespace, bareApp}); found {
			return pod, true
		}
	}
	return ref{}, false
}

// changesPolicies changes one every few seconds.
func (l *load) changesPolicies(ctx context.Context) error {
	for turn := 0; pause(ctx, changeEvery); turn++ {
		asking, cancel := context.WithTimeout(ctx, askTimeout)
		err := l.changes(asking, l.home(), turn)
		cancel()
		if err != nil {
			_ = l.fails(ctx, err)
			continue
		}
		l.notes(func(t *tally) { t.policies++ })
	}
	return nil
}

// ends has everything go after the load, and waits until nothing is left anywhere.
func (l *load) ends(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	l.mu.Lock()
	namespaces := l.bare
	l.mu.Unlock()
	for _, namespace := range namespaces {
		if err := l.empties(ctx, namespace); err != nil {
			return err
		}
	}
	for _, namespace := range namespaces {
		if err := l.removes(ctx, namespace); err != nil {
			return err
		}
	}
	return playground.Eventually(ctx, "all pods have ended in both clusters", func(context.Context) error { return l.world.empty("") })
}

// empties deletes all pods of a namespace that are there.
func (l *load) empties(ctx context.Context, namespace string) error {
	if err := l.scales(ctx, namespace, 0); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	err := l.upstream.CoreV1().Pods(namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "app=" + bareApp})
	if err != nil {
		return fmt.Errorf("cannot delete the pods of namespace %s: %w", namespace, err)
	}
	return nil
}

func (l *load) scales(ctx context.Context, namespace string, replicas int) error {
	patch := fmt.Appendf(nil, `{"spec": {"replicas": %d}}`, replicas)
	_, err := l.upstream.AppsV1().Deployments(namespace).Patch(ctx, "spread", types.MergePatchType, patch, metav1.PatchOptions{}, "scale")
	if err != nil {
		return fmt.Errorf("cannot scale the Deployment of namespace %s: %w", namespace, err)
	}
	return nil
}
