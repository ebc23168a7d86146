package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/e2e/soak"
)

// lookEvery is how often the ledger looks at what is wrong with time.
const lookEvery = 2 * time.Second

// ref names a pod that runs.
type ref struct {
	namespace, name string
	uid             types.UID
	virtual         bool
}

// stream is where pods come from, in a namespace: by the label app.
type stream struct{ namespace, app string }

// world is what is seen of the pods of both clusters.
type world struct {
	stop func()

	mu     sync.Mutex
	ledger *soak.Ledger
	// running are the pods that ran, the oldest first, some of which may be gone; alive
	// are those that nobody asked to go.
	running map[stream][]ref
	alive   map[types.UID]bool
}

// watch follows both clusters until stop.
func (s *stage) watch(ctx context.Context) (*world, error) {
	system, err := s.upstream.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("cannot read the upstream cluster's id: %w", err)
	}
	s.upstreamID = string(system.UID)
	w := &world{
		ledger:  soak.NewLedger(soak.Scope{Node: virtualNode, App: "app", Caps: map[string]int{cappedSubset: capOf}}),
		running: map[stream][]ref{}, alive: map[types.UID]bool{},
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var looking sync.WaitGroup
	factories := []informers.SharedInformerFactory{
		selected(s.upstream, api.OptInLabel+"="+api.OptedIn),
		selected(s.downstream, api.UpstreamLabel+"="+s.upstreamID),
	}
	w.stop = func() {
		cancel()
		looking.Wait()
		for _, f := range factories {
			f.Shutdown()
		}
	}
	for i, sees := range []func(*corev1.Pod, bool){w.above, w.below} {
		if err := tells(ctx, factories[i], sees); err != nil {
			w.stop()
			return nil, fmt.Errorf("cannot watch the pods: %w", err)
		}
	}
	looking.Go(func() {
		for pause(ctx, lookEvery) {
			w.mu.Lock()
			w.ledger.Look(time.Now())
			w.mu.Unlock()
		}
	})
	return w, nil
}

// tells has somebody told of all pods, and returns when they were told of those that
// there are.
func tells(ctx context.Context, from informers.SharedInformerFactory, sees func(pod *corev1.Pod, gone bool)) error {
	_, err := from.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { sees(o.(*corev1.Pod), false) },
		UpdateFunc: func(_, o any) { sees(o.(*corev1.Pod), false) },
		DeleteFunc: func(o any) {
			if unknown, ok := o.(cache.DeletedFinalStateUnknown); ok {
				o = unknown.Obj
			}
			sees(o.(*corev1.Pod), true)
		},
	})
	if err != nil {
		return err
	}
	from.Start(ctx.Done())
	for _, synced := range from.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return errors.New("the cache was not filled")
		}
	}
	return nil
}

func selected(of side, label string) informers.SharedInformerFactory {
	return informers.NewSharedInformerFactoryWithOptions(of.Interface, 0,
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = label }))
}

func (w *world) above(pod *corev1.Pod, gone bool) {
	if !strings.HasPrefix(pod.Namespace, namespacePrefix) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ledger.Above(pod, gone)
	if gone || pod.DeletionTimestamp != nil {
		delete(w.alive, pod.UID)
		return
	}
	if pod.Status.Phase == corev1.PodRunning && !w.alive[pod.UID] {
		from := stream{pod.Namespace, pod.Labels["app"]}
		w.alive[pod.UID] = true
		w.running[from] = append(w.running[from], ref{pod.Namespace, pod.Name, pod.UID, pod.Spec.NodeName == virtualNode})
	}
}

func (w *world) below(pod *corev1.Pod, gone bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ledger.Below(pod, gone, time.Now())
}

// takes returns the oldest pod of a stream that runs, and nobody else will be given it.
func (w *world) takes(from stream) (ref, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for queue := w.running[from]; len(queue) > 0; {
		oldest := queue[0]
		queue = queue[1:]
		w.running[from] = queue
		if w.alive[oldest.uid] {
			return oldest, true
		}
	}
	return ref{}, false
}

// shows returns the youngest pod of a stream that runs on the virtual node.
func (w *world) shows(from stream) (ref, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, pod := range slices.Backward(w.running[from]) {
		if pod.virtual && w.alive[pod.uid] {
			return pod, true
		}
	}
	return ref{}, false
}

// forgets drops a namespace that is gone.
func (w *world) forgets(namespace string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ledger.Forget(namespace)
	for from := range w.running {
		if from.namespace == namespace {
			delete(w.running, from)
		}
	}
}

// empty says which pods have not ended in both clusters; an empty namespace stands for
// all.
func (w *world) empty(namespace string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n, one := w.ledger.Alive(namespace); n > 0 {
		return fmt.Errorf("%d pods have not ended in both clusters, such as %s", n, one)
	}
	return nil
}

// underWay is how many pods come or go just now.
func (w *world) underWay() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ledger.UnderWay()
}

func (w *world) totals() soak.Totals {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ledger.Totals()
}

// sees gives the ledger to somebody who only reads.
func (w *world) sees(look func(*soak.Ledger)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	look(w.ledger)
}
