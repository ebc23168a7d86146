package invariants

import (
	"context"
	"fmt"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/spillway-io/spillway/e2e/playground"
)

const (
	// compareEvery is how often both clusters are compared.
	compareEvery = 250 * time.Millisecond
	// listTimeout bounds a list; an API server that has lost its etcd hangs.
	listTimeout = 5 * time.Second
)

// podKind is the kind that a Ledger wants to know more of than its sum.
const podKind = "Pod"

// Witness watches clusters and keeps a Ledger about them. Its methods may be called
// from several goroutines.
type Witness struct {
	scope Scope
	pods  map[string]dynamic.ResourceInterface

	mu     sync.Mutex
	ledger *Ledger

	watching sync.WaitGroup
	end      context.CancelFunc
}

// StartWitness watches an upstream cluster and the downstream clusters of its virtual
// nodes, as their administrator, until Stop. It returns when everything was listed
// once; ctx ends only the starting.
func StartWitness(ctx context.Context, scope Scope, upstream *playground.Cluster, downstream ...*playground.Cluster) (*Witness, error) {
	w := &Witness{scope: scope, pods: map[string]dynamic.ResourceInterface{}, ledger: NewLedger(scope)}
	watches, err := w.prepare(upstream, downstream)
	if err != nil {
		return nil, fmt.Errorf("cannot watch the clusters: %w", err)
	}
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	w.end = end
	for _, f := range watches {
		w.watching.Go(func() { f.follow(running) })
	}
	w.watching.Go(func() { w.compare(running) })
	for _, f := range watches {
		select {
		case <-f.listed:
		case <-ctx.Done():
			w.Stop()
			return nil, fmt.Errorf("cannot list %s %s: %w", f.kind, f.cluster, context.Cause(ctx))
		}
	}
	return w, nil
}

// Stop ends all watches and returns when nothing of the Witness runs any more. What
// it saw can still be read.
func (w *Witness) Stop() {
	w.end()
	w.watching.Wait()
}

func (w *Witness) prepare(upstream *playground.Cluster, downstream []*playground.Cluster) ([]*follower, error) {
	kinds := map[string]string{podKind: "pods", "ConfigMap": "configmaps", "Secret": "secrets", "Service": "services"}
	var watches []*follower
	for _, cluster := range append([]*playground.Cluster{upstream}, downstream...) {
		client, err := dynamic.NewForConfig(cluster.AdminConfig())
		if err != nil {
			return nil, err
		}
		for kind, resource := range kinds {
			if cluster == upstream && kind != podKind {
				continue
			}
			all := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: resource})
			watches = append(watches, &follower{cluster: cluster.Name(), kind: kind, objects: all, sees: w, listed: make(chan struct{})})
			if kind == podKind {
				w.pods[cluster.Name()] = all
			}
		}
	}
	return watches, nil
}

// lists, sees and seesGone are what a follower tells.
func (w *Witness) lists(cluster, kind string, objects []unstructured.Unstructured) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if cluster != w.scope.Upstream {
		w.ledger.ListsObjects(cluster, kind, objects, now)
	}
	if kind == podKind {
		w.ledger.Lists(cluster, podsOf(objects), now)
	}
}

func (w *Witness) sees(cluster string, o *unstructured.Unstructured, gone bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	switch {
	case gone && cluster != w.scope.Upstream:
		w.ledger.SeesObjectGone(cluster, o, now)
	case cluster != w.scope.Upstream:
		w.ledger.SeesObject(cluster, o, now)
	}
	if o.GetKind() != podKind {
		return
	}
	pod := &podsOf([]unstructured.Unstructured{*o})[0]
	if gone {
		w.ledger.SeesGone(cluster, pod, now)
		return
	}
	w.ledger.Sees(cluster, pod, now)
}

func podsOf(objects []unstructured.Unstructured) []corev1.Pod {
	pods := make([]corev1.Pod, len(objects))
	for i := range objects {
		objects[i].SetManagedFields(nil)
		// What an API server sent as a pod is one.
		_ = runtime.DefaultUnstructuredConverter.FromUnstructured(objects[i].Object, &pods[i])
	}
	return pods
}

// compare compares the clusters, and clears up doubts, until ctx ends.
func (w *Witness) compare(ctx context.Context) {
	ticker := time.NewTicker(compareEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		w.mu.Lock()
		w.ledger.Compare(time.Now())
		doubts := w.ledger.Doubts()
		w.mu.Unlock()
		for _, cluster := range doubts {
			w.confirm(ctx, cluster)
		}
	}
}

// confirm asks the cluster itself, without resource version: no cache may answer.
func (w *Witness) confirm(ctx context.Context, cluster string) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	asked := time.Now()
	list, err := w.pods[cluster].List(ctx, metav1.ListOptions{})
	if err != nil {
		return // it stays in doubt, until the cluster answers
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ledger.Confirms(cluster, podsOf(list.Items), asked)
}

// Violations are all so far.
func (w *Witness) Violations() []Violation {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ledger.Violations()
}

// InDoubt says whether something may be a violation that no cluster could say yet.
func (w *Witness) InDoubt() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.ledger.Doubts()) > 0
}

// Disagreeing are the pods that have disagreed since before a time, the oldest first.
func (w *Witness) Disagreeing(before time.Time) []Disagreement {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ledger.Disagreeing(before)
}

// TakesAway and Releases announce what the scenario is about to end, see Ledger.
func (w *Witness) TakesAway(uid types.UID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ledger.TakesAway(uid)
}

// Releases is Ledger.Releases.
func (w *Witness) Releases(workload string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ledger.Releases(workload)
}

// Interrupts and Answers say when the upstream API server is away, see Ledger.
func (w *Witness) Interrupts() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ledger.Interrupts(time.Now())
}

// Answers is Ledger.Answers.
func (w *Witness) Answers() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ledger.Answers(time.Now())
}

// Completes is Ledger.Completes.
func (w *Witness) Completes(jobs []batchv1.Job) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ledger.Completes(jobs, time.Now())
}

// Counts are how many upstream and downstream pods there have been.
func (w *Witness) Counts() (upstream, downstream int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ledger.Counts()
}
