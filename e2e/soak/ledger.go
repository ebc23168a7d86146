package soak

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/api"
)

// doubtFor is how long the watch of one cluster may be behind that of the other: if a
// downstream pod is asked to go, its upstream pod must be known to go by then.
const doubtFor = 10 * time.Second

// Ledger keeps what became of each pod: it ran once, in one of the two clusters, and
// ended in both. It forgets pods that ended but for their UIDs, and has no lock.
type Ledger struct {
	scope Scope
	lives map[types.UID]*life
	// ended are the pods that are forgotten; false: they never ran, and what there was of
	// them downstream may be heard of late.
	ended  map[types.UID]bool
	slots  map[slot]map[types.UID]bool
	most   map[string]int
	totals Totals
	// violations are the first of them only: what went wrong ten thousand times is told
	// by a few.
	violations []string
}

// Scope says what a Ledger is about.
type Scope struct {
	// Node is the virtual node, App the container that never has a reason to be started
	// again.
	Node, App string
	// Caps are how many pods each subset may have in a namespace at a time.
	Caps map[string]int
}

// Totals are counts since the beginning.
type Totals struct {
	// Created pods exist, or did; Virtual are those of them on the virtual node, Ran
	// those that were Running, and Ended those that are gone in both clusters.
	Created, Virtual, Ran, Ended int
	// Early are those that went before anybody saw them run: a workload that is scaled in
	// takes such pods first.
	Early int
	// Downstream are the pods that there were downstream, for a pod upstream each.
	Downstream int
	// Violations are all of them.
	Violations int
}

// slot is where a WorkloadSpread counts pods.
type slot struct{ namespace, subset string }

// life is what is known of a pod, by its upstream UID.
type life struct {
	name                                string
	seen, virtual, ran, leaving, gone   bool
	below                               types.UID
	belowRan, belowGone, belowRestarted bool
	// asked is when the downstream pod was asked to go while the upstream pod was not
	// known to; zero: it was not.
	asked time.Time
}

// NewLedger returns an empty one.
func NewLedger(scope Scope) *Ledger {
	return &Ledger{
		scope: scope, lives: map[types.UID]*life{}, ended: map[types.UID]bool{},
		slots: map[slot]map[types.UID]bool{}, most: map[string]int{},
	}
}

// Above is told of an upstream pod as it is, or as it was at last.
func (l *Ledger) Above(pod *corev1.Pod, gone bool) {
	if _, over := l.ended[pod.UID]; over {
		return
	}
	was := l.life(pod.UID, pod.Namespace+"/"+pod.Name)
	if !was.seen {
		was.seen = true
		l.totals.Created++
	}
	if !was.virtual && pod.Spec.NodeName == l.scope.Node {
		was.virtual = true
		l.totals.Virtual++
	}
	if !was.ran && pod.Status.Phase == corev1.PodRunning {
		was.ran = true
		l.totals.Ran++
	}
	if pod.Status.Phase == corev1.PodFailed && pod.DeletionTimestamp == nil && !was.leaving {
		l.violates("%s failed: %s %s", was.name, pod.Status.Reason, pod.Status.Message)
	}
	if pod.DeletionTimestamp != nil || gone {
		was.leaving, was.asked = true, time.Time{}
	}
	l.counts(pod, was.leaving)
	was.gone = gone
	l.ends(pod.UID, was)
}

// counts has the pod hold its slot, or not any more. What it counts is exact after each
// observation: those of one cluster come in the order in which things happened.
func (l *Ledger) counts(pod *corev1.Pod, leaving bool) {
	name := subsetOf(pod)
	if name == "" {
		return
	}
	in := slot{pod.Namespace, name}
	if l.slots[in] == nil {
		l.slots[in] = map[types.UID]bool{}
	}
	if leaving {
		delete(l.slots[in], pod.UID)
		return
	}
	if l.slots[in][pod.UID] {
		return
	}
	l.slots[in][pod.UID] = true
	n := len(l.slots[in])
	l.most[name] = max(l.most[name], n)
	if limit, capped := l.scope.Caps[name]; capped && n > limit {
		l.violates("%s/%s is one of %d pods of subset %s, which may have %d", pod.Namespace, pod.Name, n, name, limit)
	}
}

// Most is how many pods that nobody had asked to go a subset had at most, in a namespace
// at a time.
func (l *Ledger) Most(subset string) int { return l.most[subset] }

// Forget drops what was counted of a namespace that is gone.
func (l *Ledger) Forget(namespace string) {
	for in := range l.slots {
		if in.namespace == namespace {
			delete(l.slots, in)
		}
	}
}

// Below is told of a downstream pod that carries our marks.
func (l *Ledger) Below(pod *corev1.Pod, gone bool, at time.Time) {
	above := types.UID(pod.Annotations[api.UpstreamUIDAnnotation])
	name := pod.Namespace + "/" + pod.Name
	if ran, over := l.ended[above]; over {
		if ran && !gone {
			l.violates("%s exists downstream, after its upstream pod %s ended in both clusters", name, above)
		}
		return
	}
	was := l.life(above, name)
	if was.below != pod.UID {
		l.totals.Downstream++
		if was.below != "" {
			l.violates("%s has a second downstream pod", name)
		}
		was.below, was.belowGone = pod.UID, false
	}
	l.judgeStarts(pod, was)
	was.belowRan = was.belowRan || pod.Status.Phase == corev1.PodRunning
	if (pod.DeletionTimestamp != nil || gone) && !was.leaving && was.asked.IsZero() {
		was.asked = at
	}
	was.belowGone = gone
	l.ends(above, was)
}

func (l *Ledger) judgeStarts(pod *corev1.Pod, was *life) {
	for _, c := range pod.Status.ContainerStatuses {
		if c.Name == l.scope.App && c.RestartCount > 0 && !was.belowRestarted {
			was.belowRestarted = true
			l.violates("%s: its container %s was started again", was.name, c.Name)
		}
	}
}

// ends judges a pod that is gone in both clusters, and forgets it.
func (l *Ledger) ends(uid types.UID, was *life) {
	switch {
	case !was.gone, was.below != "" && !was.belowGone:
		return
	case was.below == "" && was.virtual && was.ran:
		return // it must have been there, or never ends
	case was.virtual && was.ran && !was.belowRan:
		l.violates("%s was Running, but not downstream", was.name)
	case !was.virtual && was.below != "":
		l.violates("%s was not on the virtual node, but downstream", was.name)
	}
	if !was.ran {
		l.totals.Early++
	}
	l.totals.Ended++
	l.ended[uid] = was.ran
	delete(l.lives, uid)
}

// Look says what is wrong with time: downstream pods that were asked to go while their
// upstream pods were not, and still are not.
func (l *Ledger) Look(at time.Time) {
	for _, was := range l.lives {
		if !was.asked.IsZero() && at.Sub(was.asked) > doubtFor {
			was.asked, was.leaving = time.Time{}, true // once is enough
			l.violates("%s went downstream while nobody had asked its upstream pod to", was.name)
		}
	}
}

func (l *Ledger) violates(format string, args ...any) {
	const told = 20
	l.totals.Violations++
	if len(l.violations) < told {
		l.violations = append(l.violations, fmt.Sprintf(format, args...))
	}
}

// Totals are those as of now.
func (l *Ledger) Totals() Totals { return l.totals }

// Violations are the first ones found.
func (l *Ledger) Violations() []string { return slices.Clone(l.violations) }

// Alive is how many pods of a namespace have not ended in both clusters, and one of them.
// An empty name stands for all namespaces.
func (l *Ledger) Alive(namespace string) (n int, one string) {
	for _, was := range l.lives {
		if namespace == "" || strings.HasPrefix(was.name, namespace+"/") {
			n, one = n+1, was.name
		}
	}
	return n, one
}

// UnderWay is how many pods have yet to run, or to end in both clusters after somebody
// asked them to go.
func (l *Ledger) UnderWay() (n int) {
	for _, was := range l.lives {
		if was.leaving || !was.ran {
			n++
		}
	}
	return n
}

func (l *Ledger) life(uid types.UID, name string) *life {
	if l.lives[uid] == nil {
		l.lives[uid] = &life{name: name}
	}
	return l.lives[uid]
}

// subsetOf is the subset that a WorkloadSpread has put the pod into, if any.
func subsetOf(pod *corev1.Pod) string {
	var match struct{ Subset string }
	if json.Unmarshal([]byte(pod.Annotations[api.MatchedWorkloadSpreadAnnotation]), &match) != nil {
		return ""
	}
	return match.Subset
}
