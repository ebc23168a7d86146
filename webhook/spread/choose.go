package spread

import (
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
	// Pending says of each decision that it holds only once Status is written.
	// All others hold at once: that a subset is full is also true if the pods
	// that fill it have to be decided again, as they come first then.
	Pending []bool
	// Status is the WorkloadSpread's status with the reservations that pending
	// decisions depend on. It must be written on the condition that the
	// WorkloadSpread has not changed. Nil if nothing is to be written.
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
	outcome := newWalk(l, r, nil).outcome()
	return outcome.decision, !outcome.uncounted
}

// Choose decides for the pods of a batch, one after the other, each of which
// finds the slots taken that those before it got.
func (l Ledger) Choose(requests []Request) Choices {
	b := batch{Ledger: l, tallies: map[string]*tally{}, dropped: map[string][]reservation{}, granted: map[string][]reservation{}}
	if !b.open(requests) {
		return Choices{Stale: true}
	}
	choices := Choices{}
	for _, r := range requests {
		d, pending := b.decide(r)
		choices.Decisions = append(choices.Decisions, d)
		choices.Pending = append(choices.Pending, pending)
	}
	if b.doubtful {
		return Choices{Stale: true}
	}
	choices.Status = b.status()
	return choices
}

// batch is the state of one Choose.
type batch struct {
	Ledger

	// All by version.
	tallies map[string]*tally
	dropped map[string][]reservation
	granted map[string][]reservation
	// doubtful says that a pod spilled because of a reservation that may well
	// have no pod.
	doubtful bool
}

// open counts what there is. It returns false for a ledger that cannot be true, or lacks
// pods whose reservations somebody gave up.
func (b *batch) open(requests []Request) bool {
	if b.isBehind() {
		return false
	}
	asked := map[string]int{}
	for _, r := range requests {
		version := VersionOf(b.Spread, r.Pod)
		if b.tallies[version] == nil {
			b.tallies[version] = b.count(version)
		}
		_, kept, sure := b.kept(r)
		if !sure && !b.isFinal() {
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

// isBehind says that the ledger lacks pods whose reservations somebody gave up, and that
// there may be a better one. If there is none, nothing is to be counted by it.
func (b *batch) isBehind() bool {
	if b.Live || b.SeenUpTo >= seenUpTo(b.Spread) {
		return false
	}
	b.Frozen = b.Frozen || b.Unread
	return !b.Frozen
}

// balance compares what there is of a version, and is asked for, with what the
// controller wants. More than that cannot be: then a cached ledger is behind, and
// a live one has reservations whose pods were never created.
func (b *batch) balance(version string, asked int) bool {
	wanted, known := b.Wanted[version]
	t := b.tallies[version]
	switch {
	case !known || b.Frozen || b.Unread:
		return true
	case b.Live:
		b.dropped[version] = t.reclaim(wanted, asked, b.Now)
		return true
	default:
		return t.active+t.underWay(b.Lately[version])+asked <= wanted
	}
}

func (b *batch) decide(r Request) (d Decision, pending bool) {
	if subset, kept, _ := b.kept(r); kept {
		return b.keep(r, subset)
	}
	outcome := newWalk(b.Ledger, r, b).outcome()
	d = outcome.decision
	if !outcome.reserve || r.DryRun {
		return d, false
	}
	version := VersionOf(b.Spread, r.Pod)
	b.tallies[version].taken[outcome.subset]++
	b.granted[version] = append(b.granted[version], reservation{key: r.key(), subset: outcome.subset, since: b.Now})
	if r.Pod.Name == "" {
		d.UID = r.UID
	}
	return d, true
}

// keep decides for the subset that the pod has. A name whose reservation is used
// once more has it renewed: the next creation under it must be told from the one
// before, of which the pod may be gone.
func (b *batch) keep(r Request, subset int) (d Decision, pending bool) {
	d = b.chosen(subset, Kept, "admission was called again")
	match, claims := b.matchOf(r.Pod)
	d.UID = match.UID
	renews := !claims && !r.DryRun
	if renews {
		version := VersionOf(b.Spread, r.Pod)
		b.granted[version] = append(b.granted[version], reservation{key: r.key(), subset: subset, since: b.Now})
	}
	return d, renews
}

// kept finds the subset that the pod got before, when admission is called again
// for it or, with a name, when its creation is tried again. Of an annotation
// that claims a slot it cannot be sure without a live ledger, as another replica
// may have recorded the reservation a moment ago.
func (b *batch) kept(r Request) (subset int, kept, sure bool) {
	if subset, kept := b.keptUncounted(r); kept {
		return subset, true, true
	}
	match, claims := b.matchOf(r.Pod)
	if r.Pod.Name != "" || claims && match.UID != "" {
		if subset, held := b.heldUnder(match.Key(r.Pod.Name), VersionOf(b.Spread, r.Pod)); held && (!claims || match.Subset == b.Spread.Spec.Subsets[subset].Name) {
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
	return i, !counted && opennessOf(l.Spread, l.cordons(), i) != probed
}
