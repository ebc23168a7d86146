package orphans

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/mass"
	"github.com/spillway-io/spillway/provider/translate"
)

// window is how long a deletion counts.
const window = 10 * time.Minute

// Orphan is a downstream pod without an upstream pod.
type Orphan struct {
	// Upstream is where its upstream pod was.
	Upstream types.NamespacedName
	// Downstream is where it is.
	Downstream types.NamespacedName
	UID        types.UID
	// UpstreamUID is what its upstream pod's UID was.
	UpstreamUID types.UID
	// Over says that its phase is final: nothing stops by its deletion.
	Over bool
	// Witnessed says that the upstream API server announced the deletion of its
	// upstream pod.
	Witnessed bool
}

// counts says whether its deletion could be part of a mass deletion by mistake.
func (o Orphan) counts() bool { return !o.Over && !o.Witnessed }

// Known is what a sweep knows.
type Known struct {
	// Downstream are the pods of the downstream cluster, those of others included.
	Downstream []corev1.Pod
	// Upstream are the virtual node's pods.
	Upstream []corev1.Pod
	// There are upstream pods of which the watch has not told yet that they are gone,
	// which Upstream may lack already.
	There map[types.NamespacedName]bool
	// Witnessed is when the watch announced the deletion of which upstream pod, by UID.
	Witnessed map[types.UID]time.Time
	// Deleted are the orphans that were deleted lately and count, by UID.
	Deleted map[types.UID]time.Time
	Now     time.Time
}

// Verdict is what a sweep may do.
type Verdict struct {
	// Orphans are the orphans that are not being deleted yet, in the order of their
	// upstream names.
	Orphans []Orphan
	// Ours is how many downstream pods of ours there are, those that were deleted
	// lately included, and those that are over.
	Ours int
	// Pending is how many may be orphans as soon as the watch has told of their
	// upstream pods.
	Pending int
	// Mass says that to delete the orphans would be a mass deletion, together with
	// those that were deleted lately: more than ten, and more than half of all, where
	// pods that are over and pods whose deletion was witnessed do not count.
	Mass bool
}

// Judge says which of our downstream pods have no upstream pod. A pod whose
// namespace stands for no upstream namespace is left out. One whose name belongs to
// another upstream pod of the virtual node by now is a predecessor and no orphan.
//
// An orphan that was witnessed is one for certain, however many there are; the others
// could be what a list lacks.
func Judge(known Known, id translate.Identity) Verdict {
	above := make(map[types.NamespacedName]bool, len(known.Upstream))
	for i := range known.Upstream {
		if pod := &known.Upstream[i]; pod.Spec.NodeName == id.Node.Name {
			above[types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}] = true
		}
	}
	c := census{running: map[types.UID]bool{}, suspects: map[types.UID]bool{}}
	for uid, at := range known.Deleted {
		if known.lately(at) {
			c.running[uid], c.suspects[uid] = true, true
		}
	}
	for i := range known.Downstream {
		pod := &known.Downstream[i]
		if namespace, mapped := id.Namespaces.Upstream(pod.Namespace); mapped && id.Owns(pod) {
			o := orphan(pod, types.NamespacedName{Namespace: namespace, Name: pod.Name})
			at, announced := known.Witnessed[o.UpstreamUID]
			o.Witnessed = announced && known.lately(at)
			c.add(o, !above[o.Upstream] && pod.DeletionTimestamp == nil, known.There[o.Upstream])
		}
	}
	slices.SortFunc(c.orphans, func(a, b Orphan) int {
		return cmp.Or(cmp.Compare(a.Upstream.Namespace, b.Upstream.Namespace), cmp.Compare(a.Upstream.Name, b.Upstream.Name))
	})
	return Verdict{
		Orphans: c.orphans, Ours: len(c.running) + c.apart, Pending: c.pending,
		Mass: len(c.orphans) > 0 && mass.Excessive(len(c.suspects), len(c.running)),
	}
}

// lately says whether something that happened then still counts.
func (k Known) lately(at time.Time) bool { return k.Now.Sub(at) < window }

// census counts pods. Those that are over or witnessed count apart, and those that
// were deleted lately count once, be they gone or not.
type census struct {
	running, suspects map[types.UID]bool
	apart, pending    int
	orphans           []Orphan
}

// add counts a pod of ours, which may be an orphan, or may become one in a moment.
func (c *census) add(pod Orphan, orphaned, pending bool) {
	switch {
	case orphaned && pending:
		c.pending++
		orphaned = false
	case orphaned:
		c.orphans = append(c.orphans, pod)
	}
	if !pod.counts() {
		c.apart++
		return
	}
	c.running[pod.UID] = true
	if orphaned {
		c.suspects[pod.UID] = true
	}
}

// orphan is what a downstream pod of ours would be without its upstream pod.
func orphan(pod *corev1.Pod, upstream types.NamespacedName) Orphan {
	return Orphan{
		Upstream:   upstream,
		Downstream: types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name},
		UID:        pod.UID, UpstreamUID: types.UID(pod.Annotations[api.UpstreamUIDAnnotation]),
		Over: translate.Finished(pod),
	}
}

// Gone says whether an orphan is one indeed, in the light of what the upstream API
// server answers when it is asked for the pod of that name; nil is no pod.
func (o Orphan) Gone(upstream *corev1.Pod, node string) bool {
	return upstream == nil || upstream.UID != o.UpstreamUID || upstream.Spec.NodeName != node
}
