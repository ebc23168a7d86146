package spread

import (
	"fmt"
	"slices"
	"strings"
)

// outcome is where a walk over the subsets ended.
type outcome struct {
	decision Decision
	subset   int
	// reserve says that the choice holds only with a reservation.
	reserve bool
	// uncounted says that there is no decision without counting.
	uncounted bool
}

// walk takes the subsets in their order and stops at the first that has room.
type walk struct {
	Ledger
	request Request
	// batch does the counting. Without one, the walk goes no further than it can
	// without counting.
	batch *batch

	ordinal bool
	// cordons are the subsets that are passed over.
	cordons map[string]bool
	// position is the place of a numbered pod, and threshold the number of those
	// that the subsets passed so far take.
	position, threshold int
	// passed says why the first maxTold subsets were passed over, and unsaid counts
	// the others.
	passed []string
	unsaid int
	// cause is why the first of them was.
	cause Cause
}

// maxTold is of how many subsets a pod's owner is told why the pod is not there.
const maxTold = 8

func newWalk(l Ledger, r Request, b *batch) *walk {
	w := &walk{Ledger: l, request: r, batch: b, ordinal: IsOrdinal(l.Spread, l.Target), cordons: l.cordons()}
	if w.ordinal {
		w.position = positionOf(r.Pod, l.Target)
	}
	return w
}

func (w *walk) outcome() outcome {
	for i := range w.Spread.Spec.Subsets {
		if o, stops := w.visit(i); stops {
			return o
		}
	}
	if len(w.cordons) > 0 {
		return w.waiting()
	}
	return outcome{decision: Decision{Spread: w.Spread, Reason: NoSubset, Message: fmt.Sprintf(
		"no subset of WorkloadSpread %q has room: %s", w.Spread.Name, w.why())}}
}

// waiting walks again as if nothing was cordoned. A pod without a subset could run
// on own machines beyond what they take, and would not come to the virtual node
// when that is uncordoned; one that waits loses nothing.
func (w *walk) waiting() outcome {
	again := newWalk(w.Ledger, w.request, w.batch)
	again.cordons = nil
	o := again.outcome()
	if o.decision.Subset == nil || !w.cordons[o.decision.Subset.Name] {
		return o
	}
	o.decision.Reason = Cordoned
	o.decision.Message = fmt.Sprintf("subset %q of WorkloadSpread %q, where the pod waits: no subset has room (%s)", o.decision.Subset.Name, w.Spread.Name, w.why())
	o.decision.Warnings = append(slices.Clone(o.decision.Warnings), fmt.Sprintf(
		"WorkloadSpread %q: the pod waits until a node of subset %q is uncordoned, because no other subset has room: %s", nameOf(w.Spread), o.decision.Subset.Name, w.why()))
	return o
}

// visit looks at one subset, and ends the walk there or passes it over.
func (w *walk) visit(i int) (o outcome, stops bool) {
	subset := &w.Spread.Spec.Subsets[i]
	most, limited, err := Cap(subset, w.Target.Replicas)
	if err != nil {
		return outcome{decision: w.failed(i, err)}, true
	}
	state := opennessOf(w.Spread, w.cordons, i)
	reserve := state == probed || limited && !w.ordinal
	switch {
	case state == cordoned:
		return w.pass(CauseCordoned, "%s is cordoned", subset.Name)
	case state == closed:
		return w.pass(CauseUnschedulable, "%s is unschedulable (%s)", subset.Name, schedulableAt(w.Spread, i).Message)
	case w.ordinal && limited && w.position >= w.threshold+most:
		w.threshold += most
		return w.pass(CauseFull, "%s ends before number %d", subset.Name, w.threshold)
	case reserve && w.batch == nil:
		return outcome{uncounted: true}, true
	case reserve:
		if cause, why := w.batch.fullness(w.request, i, state, most, limited && !w.ordinal); cause != "" {
			return w.pass(cause, "%s %s", subset.Name, why)
		}
	}
	reason := reasonFor(i, state, w.ordinal)
	chosen := w.chosen(i, reason, w.why())
	chosen.Cause = w.cause
	return outcome{decision: chosen, subset: i, reserve: reserve}, true
}

func (w *walk) pass(cause Cause, format string, args ...any) (outcome, bool) {
	if w.cause == "" {
		w.cause = cause
	}
	if len(w.passed) < maxTold {
		w.passed = append(w.passed, fmt.Sprintf(format, args...))
	} else {
		w.unsaid++
	}
	return outcome{}, false
}

// why says why subsets were passed over.
func (w *walk) why() string {
	text := strings.Join(w.passed, ", ")
	if w.unsaid > 0 {
		text += fmt.Sprintf(", and %d more", w.unsaid)
	}
	return text
}

// fullness says why a subset that needs reservations has no room for the pod;
// both are empty if it has.
func (b *batch) fullness(r Request, subset int, state openness, most int, counted bool) (cause Cause, why string) {
	t := b.tallies[VersionOf(b.Spread, r.Pod)]
	switch {
	case b.Frozen:
		return CauseUnrecorded, "is passed over because its slots cannot be recorded"
	case state == probed && b.tries(subset) > 0:
		return CauseUnschedulable, "is being tried by another pod"
	case counted && t.taken[subset] >= most:
		b.doubtful = b.doubtful || !b.isFinal() && b.isDoubtful(t, subset)
		return CauseFull, fmt.Sprintf("is full (%d of %d)", t.taken[subset], most)
	default:
		return "", ""
	}
}

// tries counts the pods that try a subset, those of this batch included.
func (b *batch) tries(subset int) int {
	n := b.trying(subset)
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
