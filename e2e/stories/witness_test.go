package stories

import (
	"context"
	"errors"
	"fmt"
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
}

// watches starts a witness; what it saw is to be read after stop.
func (s *story) watches(cluster *playground.Cluster) (w *witness, stop func()) {
	s.Helper()
	w = &witness{cluster: cluster.Name(), uids: map[string]map[types.UID]bool{}, deleted: map[string]bool{}, failed: map[string]string{}}
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
				w.seesGone(pod.Name)
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
}

func (w *witness) seesGone(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deleted[name] = true
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
