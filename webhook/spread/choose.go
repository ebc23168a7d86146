package spread

import (
	"fmt"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
)

// Request asks for the subset of a pod that is being created.
type Request struct {
	Pod *corev1.Pod
	// UID is what a reservation is filed under if the pod has no name yet.
	UID string
	// DryRun says that the pod will not exist: it takes no slot.
	DryRun bool
	// Borne says that the template of the pod's controller carries the matched
	// annotation, so that the pod's own says nothing if it is the same.
	Borne bool
}

// key is what a reservation for the pod is filed under.
func (r Request) key() string {
	if r.Pod.Name == "" {
		return r.UID
	}
	return r.Pod.Name
}

// Choices are the subsets chosen for a batch of pods.
type Choices struct {
	// Decisions stand in the order of the requests.
	Decisions []Decision
	// Status is the WorkloadSpread's status with the reservations that the
	// decisions depend on. They hold once it is written, on the condition that
	// the WorkloadSpread has not changed. Nil if nothing is to be written.
	Status *v1alpha1.WorkloadSpreadStatus
	// Stale says that the ledger cannot be true, and that there are no decisions:
	// a controller would not have created the pods. It is to be made anew, live.
	Stale bool
}

// Immediate decides for a pod whose subset depends on no other pod, which is so
// for numbered pods and as long as a subset without a cap comes first. Nothing
// is to be recorded then. Of the ledger it needs the Spread, the Target and
// Virtual; ok is false if the pods must be counted.
func (l Ledger) Immediate(r Request) (d Decision, ok bool) {
	if subset, kept := l.keptUncounted(r); kept {
		return l.chosen(subset, Kept, "admission was called again"), true
	}
	if _, claims := l.matchOf(r.Pod); claims && !r.Borne {
		return Decision{}, false
	}
	outcome := l.walk(r, nil)
	return outcome.decision, !outcome.uncounted
}

// Choose decides for the pods of a batch, one after the other, each of which
// finds the slots taken that those before it got.
func (l Ledger) Choose(requests []Request) Choices {
	b := batch{Ledger: l, tallies: map[string]*tally{}, dropped: map[string][]reservation{}, granted: map[string][]reservation{}}
	if !b.open(requests) {
		return Choices{Stale: true}
	}
	decisions := make([]Decision, 0, len(requests))
	for _, r := range requests {
		decisions = append(decisions, b.decide(r))
	}
	return Choices{Decisions: decisions, Status: b.status()}
}

// batch is the state of one Choose.
type batch struct {
	Ledger

	// All by version.
	tallies map[string]*tally
	dropped map[string][]reservation
	granted map[string][]reservation
}

// open counts what there is. It returns false for a ledger that cannot be true.
func (b *batch) open(requests []Request) bool {
	asked := map[string]int{}
	for _, r := range requests {
		version := VersionOf(b.Spread, r.Pod)
		if b.tallies[version] == nil {
			b.tallies[version] = b.count(version)
		}
		_, kept, sure := b.kept(r)
		if !sure && !b.Live && !b.Frozen {
			return false
		}
		if !kept && !r.DryRun {
			asked[version]++
		}
	}
	for version, n := range asked {
		if !b.balance(version, n) {
			return false
		}
	}
	return true
}

// balance compares what there is of a version, and is asked for, with what the
// controller wants. More than that cannot be: then a cached ledger is behind, and
// a live one has reservations whose pods were never created.
func (b *batch) balance(version string, asked int) bool {
	wanted, known := b.Wanted[version]
	t := b.tallies[version]
	if !known || t.active+len(t.unseen)+asked <= wanted {
		return true
	}
	if b.Live {
		b.dropped[version] = t.reclaim(wanted, asked)
	}
	return b.Live || b.Frozen
}

func (b *batch) decide(r Request) Decision {
	if subset, kept, _ := b.kept(r); kept {
		d := b.chosen(subset, Kept, "admission was called again")
		if match, _ := b.matchOf(r.Pod); match.UID != "" {
			d.UID = match.UID
		}
		return d
	}
	outcome := b.walk(r, b)
	d := outcome.decision
	if !outcome.reserve || r.DryRun {
		return d
	}
	version := VersionOf(b.Spread, r.Pod)
	b.tallies[version].taken[outcome.subset]++
	b.granted[version] = append(b.granted[version], reservation{key: r.key(), subset: outcome.subset, since: b.Now})
	if r.Pod.Name == "" {
		d.UID = r.UID
	}
	return d
}

// kept finds the subset that the pod got before, when admission is called again
// for it or, with a name, when its creation is tried again. Of an annotation
// that claims a slot it cannot be sure without a live ledger, as another replica
// may have recorded the reservation a moment ago.
func (b *batch) kept(r Request) (subset int, kept, sure bool) {
	if subset, kept := b.keptUncounted(r); kept {
		return subset, true, true
	}
	version := VersionOf(b.Spread, r.Pod)
	match, claims := b.matchOf(r.Pod)
	if r.Pod.Name != "" || claims && match.UID != "" {
		if subset, held := b.holds(version, match.Key(r.Pod.Name)); held && (!claims || match.Subset == b.Spread.Spec.Subsets[subset].Name) {
			return subset, true, true
		}
	}
	return 0, false, !claims || r.Borne
}

// keptUncounted is kept for a subset whose slots are not counted.
func (l Ledger) keptUncounted(r Request) (subset int, kept bool) {
	match, claims := l.matchOf(r.Pod)
	if !claims || match.UID != "" || r.Borne {
		return 0, false
	}
	i := indexOf(l.Spread, match.Subset)
	if i < 0 {
		return 0, false
	}
	counted := l.Spread.Spec.Subsets[i].MaxReplicas != nil && !IsOrdinal(l.Spread, l.Target)
	return i, !counted && opennessOf(l.Spread, i) != probed
}

// outcome is where a walk over the subsets ended.
type outcome struct {
	decision Decision
	subset   int
	// reserve says that the choice holds only with a reservation.
	reserve bool
	// uncounted says that there is no decision without counting.
	uncounted bool
}

// walk takes the subsets in their order and stops at the first that has room. It
// counts by b; without it, it goes no further than it can without counting.
func (l Ledger) walk(r Request, b *batch) outcome {
	var passed []string
	ordinal := IsOrdinal(l.Spread, l.Target)
	position, threshold := positionOf(r.Pod, l.Target), 0
	for i := range l.Spread.Spec.Subsets {
		subset := &l.Spread.Spec.Subsets[i]
		most, limited, err := Cap(subset, l.Target.Replicas)
		if err != nil {
			return outcome{decision: l.failed(i, err)}
		}
		state := opennessOf(l.Spread, i)
		if state == closed {
			passed = append(passed, fmt.Sprintf("%s is unschedulable (%s)", subset.Name, SchedulableOf(l.Spread, subset.Name).Message))
			continue
		}
		reserve := state == probed || limited && !ordinal
		switch {
		case ordinal && limited && position >= threshold+most:
			threshold += most
			passed = append(passed, fmt.Sprintf("%s ends before number %d", subset.Name, threshold))
			continue
		case reserve && b == nil:
			return outcome{uncounted: true}
		case reserve && b.Frozen:
			passed = append(passed, subset.Name+" is passed over because its slots cannot be recorded")
			continue
		case state == probed && b.tries(i) > 0:
			passed = append(passed, subset.Name+" is being tried by another pod")
			continue
		case limited && !ordinal && b.taken(r, i) >= most:
			passed = append(passed, fmt.Sprintf("%s is full (%d of %d)", subset.Name, b.taken(r, i), most))
			continue
		}
		reason := reasonFor(i, state, ordinal)
		return outcome{decision: l.chosen(i, reason, strings.Join(passed, ", ")), subset: i, reserve: reserve}
	}
	return outcome{decision: Decision{Spread: l.Spread, Reason: NoSubset, Message: fmt.Sprintf(
		"no subset of WorkloadSpread %q has room: %s", l.Spread.Name, strings.Join(passed, ", "))}}
}

func (b *batch) taken(r Request, subset int) int {
	return b.tallies[VersionOf(b.Spread, r.Pod)].taken[subset]
}

// tries counts the pods that try a subset, those of this batch included.
func (b *batch) tries(subset int) int {
	n := b.waiting(subset)
	for _, granted := range b.granted {
		for _, held := range granted {
			if held.subset == subset {
				n++
			}
		}
	}
	return n
}

func reasonFor(i int, state openness, ordinal bool) Reason {
	switch {
	case state == probed:
		return Probe
	case ordinal:
		return Numbered
	case i == 0:
		return First
	default:
		return Spilled
	}
}

func (l Ledger) chosen(i int, reason Reason, why string) Decision {
	subset := &l.Spread.Spec.Subsets[i]
	message := fmt.Sprintf("subset %q of WorkloadSpread %q", subset.Name, l.Spread.Name)
	if why != "" {
		message += ": " + why
	}
	return Decision{Spread: l.Spread, Subset: subset, Virtual: l.Virtual[subset.Name], Reason: reason, Message: message, Warnings: l.Warnings}
}

func (l Ledger) failed(i int, err error) Decision {
	if l.Target.ReplicasErr != nil {
		err = l.Target.ReplicasErr
	}
	return Decision{Spread: l.Spread, Reason: Failed, Err: fmt.Errorf(
		"WorkloadSpread %q: spec.subsets[%d].maxReplicas: %w", l.Spread.Name, i, err)}
}
