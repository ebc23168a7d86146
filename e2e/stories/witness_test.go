package stories

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/spillway-io/spillway/e2e/playground"
)

// witness sees every pod of a namespace that ever exists, from before the first
// one, also after the API server was away for a while.
type witness struct {
	cluster string

	mu      sync.Mutex
	uids    map[string]map[types.UID]bool
	deleted map[string]bool
	failed  map[string]string
	history map[types.UID]*corev1.Pod // each pod as it was last seen
	ran     map[types.UID]bool
	placed  map[types.UID]string // the subsets of active pods
	most    map[string]int       // how many pods of a subset were active at one time, at most
}

// watches starts a witness; what it saw is to be read after stop.
func (s *story) watches(cluster *playground.Cluster) (w *witness, stop func()) {
	s.Helper()
	w = &witness{
		cluster: cluster.Name(),
		uids:    map[string]map[types.UID]bool{}, deleted: map[string]bool{}, failed: map[string]string{},
		history: map[types.UID]*corev1.Pod{}, ran: map[types.UID]bool{},
		placed: map[types.UID]string{}, most: map[string]int{},
	}
	ctx, cancel := context.WithCancel(s.ctx)
	first, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		w.watch(ctx, cluster, s.namespace, sync.OnceFunc(func() { close(first) }))
	}()
	stop = func() {
		cancel()
		<-done
	}
	s.Cleanup(stop)
	select {
	case <-first:
	case <-ctx.Done():
		s.Fatalf("cannot watch all pods %s: %v", cluster.Name(), ctx.Err())
	}
	return w, stop
}

// watch lists and watches until ctx ends, and begins anew at once when a watch
// ends: an informer would wait for up to a minute after an outage.
func (w *witness) watch(ctx context.Context, cluster *playground.Cluster, namespace string, listed func()) {
	pods := cluster.Client().CoreV1().Pods(namespace)
	_ = playground.Eventually(ctx, "the story ends", func(ctx context.Context) error {
		list, err := pods.List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		w.seesAll(list.Items)
		listed()
		events, err := pods.Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
		if err != nil {
			return err
		}
		defer events.Stop()
		for event := range events.ResultChan() {
			pod, isPod := event.Object.(*corev1.Pod)
			switch {
			case !isPod: // an error, after which nothing follows
			case event.Type == watch.Deleted:
				w.seesGone(pod)
			default:
				w.sees(pod)
			}
		}
		return errors.New("the watch ended")
	})
}

// seesAll also finds out what went away while nobody watched.
func (w *witness) seesAll(pods []corev1.Pod) {
	there := make(map[string]bool, len(pods))
	w.mu.Lock()
	clear(w.placed)
	w.mu.Unlock()
	for i := range pods {
		there[pods[i].Name] = true
		w.sees(&pods[i])
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for name := range w.uids {
		if !there[name] {
			w.deleted[name] = true
		}
	}
}

func (w *witness) sees(pod *corev1.Pod) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.uids[pod.Name] == nil {
		w.uids[pod.Name] = map[types.UID]bool{}
	}
	w.uids[pod.Name][pod.UID] = true
	if pod.Status.Phase == corev1.PodFailed {
		w.failed[pod.Name] = pod.Status.Reason + " " + pod.Status.Message
	}
	w.history[pod.UID] = pod
	w.ran[pod.UID] = w.ran[pod.UID] || pod.Status.Phase == corev1.PodRunning
	delete(w.placed, pod.UID)
	if subset := subsetOf(pod); subset != "" && active(pod) {
		w.placed[pod.UID] = subset
		w.most[subset] = max(w.most[subset], w.inSubset(subset))
	}
}

func (w *witness) inSubset(subset string) (n int) {
	for _, other := range w.placed {
		if other == subset {
			n++
		}
	}
	return n
}

func (w *witness) seesGone(pod *corev1.Pod) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deleted[pod.Name] = true
	delete(w.placed, pod.UID)
}

// sawSubsets counts the pods that there have ever been by their subsets, as far
// as the story asks about them.
func (w *witness) sawSubsets(about func(*corev1.Pod) bool) map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	subsets := map[string]int{}
	for _, pod := range w.history {
		if about(pod) {
			subsets[subsetOf(pod)]++
		}
	}
	return subsets
}

// sawOneCopyRun tells of names of which more than one pod has ever run.
func (w *witness) sawOneCopyRun() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	copies := map[string]int{}
	var errs []error
	for uid, pod := range w.history {
		if !w.ran[uid] {
			continue
		}
		copies[pod.Name]++
		if copies[pod.Name] > 1 {
			errs = append(errs, fmt.Errorf("%s: copy %d of %s ran, on %s", w.cluster, copies[pod.Name], pod.Name, pod.Spec.NodeName))
		}
	}
	return errors.Join(errs...)
}

// seen returns how many pods there have been so far.
func (w *witness) seen() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.uids)
}

// sawBurstOnce tells of pods of the burst that were missing, and of pods that existed twice, went away or failed.
func (w *witness) sawOnce(n int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	if len(w.uids) != n {
		errs = append(errs, fmt.Errorf("%d pods, want %d", len(w.uids), n))
	}
	for name, uids := range w.uids {
		if len(uids) != 1 {
			errs = append(errs, fmt.Errorf("pod %s existed %d times", name, len(uids)))
		}
	}
	for name := range w.deleted {
		errs = append(errs, fmt.Errorf("pod %s was deleted", name))
	}
	for name, why := range w.failed {
		errs = append(errs, fmt.Errorf("pod %s failed: %s", name, why))
	}
	if errs == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", w.cluster, errors.Join(errs...))
}

// sawMost returns how many active pods each subset had at most at one time.
func (w *witness) sawMost() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.most)
}
