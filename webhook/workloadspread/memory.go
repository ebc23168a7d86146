package workloadspread

import (
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/webhook/pace"
	"github.com/spillway-io/spillway/webhook/spread"
)

// memory is what the controller remembers of one WorkloadSpread between passes.
// Only one pass of a WorkloadSpread runs at a time, and only passes use it.
type memory struct {
	uid types.UID
	// closings counts how often each subset was closed since it last recovered.
	closings map[string]int
	// gated are the pods that were seen with scheduling gates, and when they were
	// first seen without; zero while they have them.
	gated map[types.UID]time.Time
	// deleted are the pods we deleted and may still see.
	deleted map[types.UID]bool
	// refused are the pods that cannot be moved at all.
	refused map[types.UID]bool
	// subsets are those that have a gauge.
	subsets []string
	// passes count as their work what they go through all pods for; see pass.worked.
	passes pace.Passes
	// wrote and moved are when the last status was sent, and the last pods were moved.
	wrote, moved time.Time
	// closed is when the API server had accepted that a subset is closed.
	closed time.Time
	// homing is about pods that return to earlier subsets.
	homing homing
}

func newMemory(uid types.UID) *memory {
	return &memory{
		uid:      uid,
		closings: map[string]int{},
		gated:    map[types.UID]time.Time{},
		deleted:  map[types.UID]bool{},
		refused:  map[types.UID]bool{},
	}
}

// see brings the memory of pods up to date and forgets those that are gone.
func (m *memory) see(pods []*corev1.Pod, now time.Time) {
	here := make(map[types.UID]bool, len(pods))
	for _, pod := range pods {
		here[pod.UID] = true
		since, wasGated := m.gated[pod.UID]
		switch {
		case len(pod.Spec.SchedulingGates) > 0:
			m.gated[pod.UID] = time.Time{}
		case wasGated && since.IsZero():
			m.gated[pod.UID] = now
		}
	}
	gone := func(uid types.UID) bool { return !here[uid] }
	maps.DeleteFunc(m.gated, func(uid types.UID, _ time.Time) bool { return gone(uid) })
	maps.DeleteFunc(m.deleted, func(uid types.UID, _ bool) bool { return gone(uid) })
	maps.DeleteFunc(m.refused, func(uid types.UID, _ bool) bool { return gone(uid) })
}

// note remembers changes that were written just before now.
func (m *memory) note(changes []spread.Change, now time.Time) {
	for _, c := range changes {
		switch c.To {
		case corev1.ConditionFalse:
			m.closings[c.Subset]++
			m.closed = now
		case corev1.ConditionTrue:
			delete(m.closings, c.Subset)
		case corev1.ConditionUnknown:
		}
	}
}

// mayMove is the earliest time for the next round of moving pods. The time in a
// condition is from before it was written, and a busy API server took its time.
func (m *memory) mayMove() time.Time {
	next, known := m.moved.Add(movePause), m.closed.Add(spreadTime)
	if next.Before(known) {
		return known
	}
	return next
}

// remembered returns the memory of a WorkloadSpread, a new one if another of its
// name was remembered.
func (r *reconciler) remembered(key types.NamespacedName, uid types.UID) *memory {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.memories[key]; m != nil && m.uid == uid {
		return m
	}
	m := newMemory(uid)
	r.memories[key] = m
	return m
}

// forget drops the memory and the metrics of a WorkloadSpread that is gone.
func (r *reconciler) forget(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.memories, key)
	r.metrics.forget(key)
}
