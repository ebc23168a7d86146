package orphans

import (
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
)

// forgetEvery is how often what was witnessed too long ago is dropped.
const forgetEvery = time.Minute

// witness is a handler of the upstream cache's pods that tells deletions that the API
// server announced, one by one, from pods that a list merely lacks. A list is empty
// or partial after a backup was restored, or when another cluster answers, and never
// makes an API server announce a deletion. An informer hands over the deleted object
// in the one case, and toolscache.DeletedFinalStateUnknown in the other, or an object
// without a UID (package relist).
//
// Every replica is a witness, so that the next leader knows what the last one saw. It
// remembers no more than the pods of the virtual node, and the UIDs of those that were
// deleted in the last minutes.
type witness struct {
	node  string
	clock clock.PassiveClock

	mu sync.Mutex
	// there are the pods of which nothing was heard but that they exist. The cache may
	// be ahead of that by a moment.
	there map[types.NamespacedName]bool
	// deleted is when which UID's deletion was announced.
	deleted map[types.UID]time.Time
	// forgotten is when deleted was last rid of what is old.
	forgotten time.Time
}

func newWitness(node string, clock clock.PassiveClock) *witness {
	return &witness{
		node: node, clock: clock, forgotten: clock.Now(),
		there: map[types.NamespacedName]bool{}, deleted: map[types.UID]time.Time{},
	}
}

// OnAdd sees a pod. One that is there again, as after a backup was restored, has not
// been deleted.
func (w *witness) OnAdd(object any, _ bool) {
	pod, isPod := object.(*corev1.Pod)
	if !isPod || pod.Spec.NodeName != w.node {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.there[nameOf(pod)] = true
	delete(w.deleted, pod.UID)
}

// OnUpdate sees a pod, which may be another one of the same name if a list lacked its
// predecessor.
func (w *witness) OnUpdate(_, object any) { w.OnAdd(object, false) }

// OnDelete sees the deletion of a pod, or that it is missing.
func (w *witness) OnDelete(object any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch gone := object.(type) {
	case *corev1.Pod:
		delete(w.there, nameOf(gone))
		if gone.Spec.NodeName == w.node && gone.UID != "" {
			w.forget()
			w.deleted[gone.UID] = w.clock.Now()
		}
	case toolscache.DeletedFinalStateUnknown:
		if name, err := toolscache.ParseObjectName(gone.Key); err == nil {
			delete(w.there, types.NamespacedName{Namespace: name.Namespace, Name: name.Name})
		}
	}
}

// forget drops, now and then, what was witnessed too long ago.
func (w *witness) forget() {
	now := w.clock.Now()
	if now.Sub(w.forgotten) < forgetEvery {
		return
	}
	maps.DeleteFunc(w.deleted, func(_ types.UID, at time.Time) bool { return now.Sub(at) >= window })
	w.forgotten = now
}

// testimony returns what was seen, as Known has it.
func (w *witness) testimony() (there map[types.NamespacedName]bool, deleted map[types.UID]time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.there), maps.Clone(w.deleted)
}

func nameOf(pod *corev1.Pod) types.NamespacedName {
	return types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}
}
