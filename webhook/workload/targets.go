package workload

import (
	"cmp"
	"slices"
	"sync"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"

	"github.com/spillway-io/spillway/webhook/spread"
)

// targets finds WorkloadSpreads by what they target, however many others there are.
type targets struct {
	mu sync.RWMutex
	// found are those with a target and not being deleted, in the order of their
	// names. The lists are not modified.
	found map[inNamespace][]*v1alpha1.WorkloadSpread
	// kinds counts them by namespace and kind of target.
	kinds map[string]map[schema.GroupKind]int
}

func newTargets() targets {
	return targets{found: map[inNamespace][]*v1alpha1.WorkloadSpread{}, kinds: map[string]map[schema.GroupKind]int{}}
}

// of returns the WorkloadSpreads that target an owner. They are shared memory.
func (t *targets) of(namespace string, owner spread.Owner) []*v1alpha1.WorkloadSpread {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.found[inNamespace{namespace, indexKey(owner)}]
}

// anyOfOther says whether a WorkloadSpread targets another kind.
func (t *targets) anyOfOther(namespace string, kind schema.GroupKind) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for other := range t.kinds[namespace] {
		if other != kind {
			return true
		}
	}
	return false
}

// handler takes note of WorkloadSpreads.
func (t *targets) handler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { t.change(nil, object) },
		UpdateFunc: t.change,
		DeleteFunc: func(object any) {
			if tombstone, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = tombstone.Obj
			}
			t.change(object, nil)
		},
	}
}

func (t *targets) change(before, after any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if was, ok := before.(*v1alpha1.WorkloadSpread); ok && isTargeting(was) {
		t.put(was, false)
	}
	if is, ok := after.(*v1alpha1.WorkloadSpread); ok && isTargeting(is) {
		t.put(is, true)
	}
}

func isTargeting(ws *v1alpha1.WorkloadSpread) bool {
	return ws.DeletionTimestamp == nil && ws.Spec.TargetReference != nil
}

// put files a WorkloadSpread under its target, or removes it from there.
func (t *targets) put(ws *v1alpha1.WorkloadSpread, there bool) {
	kind := spread.TargetKind(ws)
	key := inNamespace{ws.Namespace, indexKey(spread.Owner{GroupKind: kind, Name: ws.Spec.TargetReference.Name})}
	list := slices.DeleteFunc(slices.Clone(t.found[key]), func(other *v1alpha1.WorkloadSpread) bool { return other.Name == ws.Name })
	before := len(t.found[key])
	if there {
		list = append(list, ws)
		slices.SortFunc(list, func(a, b *v1alpha1.WorkloadSpread) int { return cmp.Compare(a.Name, b.Name) })
	}
	if t.found[key] = list; len(list) == 0 {
		delete(t.found, key)
	}
	kinds := t.kinds[ws.Namespace]
	if kinds == nil {
		kinds = map[schema.GroupKind]int{}
		t.kinds[ws.Namespace] = kinds
	}
	if kinds[kind] += len(list) - before; kinds[kind] == 0 {
		delete(kinds, kind)
	}
	if len(kinds) == 0 {
		delete(t.kinds, ws.Namespace)
	}
}
