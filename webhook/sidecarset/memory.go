package sidecarset

import (
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/webhook/pace"
)

// memory is what the controller remembers of one SidecarSet between passes. Only
// one pass of a SidecarSet runs at a time, and only passes use it.
type memory struct {
	uid types.UID
	// passes count as their work all that they do, but for what they write.
	passes pace.Passes
	// wrote is when the last status was sent.
	wrote time.Time
	// records are what is known of the pods' records, of no pods but those that the
	// last pass found.
	records map[types.UID]read
	// written are the pods that we changed, until the cache has seen it.
	written map[types.UID]written
	// refused are the pods that the API server would not have changed, and until
	// when they are passed over.
	refused map[types.UID]time.Time
	// told is what was last told about the set, by reason.
	told map[string]string
}

// written is a pod after a change, and the version that was changed. A cache
// that shows that version has not seen the change, any other has.
type written struct {
	from string
	pod  *corev1.Pod
}

func newMemory(uid types.UID) *memory {
	return &memory{
		uid:     uid,
		records: map[types.UID]read{},
		written: map[types.UID]written{},
		refused: map[types.UID]time.Time{},
		told:    map[string]string{},
	}
}

// see returns the pods as they are after what we wrote, and forgets what the
// cache knows by now.
func (m *memory) see(pods []*corev1.Pod, now time.Time) []*corev1.Pod {
	here := make(map[types.UID]bool, len(pods))
	seen := make([]*corev1.Pod, len(pods))
	for i, pod := range pods {
		here[pod.UID] = true
		seen[i] = pod
		if w, ok := m.written[pod.UID]; ok && w.from == pod.ResourceVersion {
			seen[i] = w.pod
		} else {
			delete(m.written, pod.UID)
		}
	}
	maps.DeleteFunc(m.records, func(uid types.UID, _ read) bool { return !here[uid] })
	maps.DeleteFunc(m.written, func(uid types.UID, _ written) bool { return !here[uid] })
	maps.DeleteFunc(m.refused, func(uid types.UID, until time.Time) bool { return !here[uid] || !now.Before(until) })
	return seen
}

// tells says whether something is news, and remembers it.
func (m *memory) tells(reason, what string) bool {
	if m.told[reason] == what {
		return false
	}
	m.told[reason] = what
	return true
}

// remembered returns the memory of a SidecarSet, a new one if another of its name
// was remembered.
func (r *reconciler) remembered(name string, uid types.UID) *memory {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.memories[name]; m != nil && m.uid == uid {
		return m
	}
	m := newMemory(uid)
	r.memories[name] = m
	return m
}

// forget drops the memory and the metrics of a SidecarSet that is gone.
func (r *reconciler) forget(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.memories, name)
	r.metrics.forget(name)
}
