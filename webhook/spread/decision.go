package spread

import (
	"github.com/openkruise/kruise-api/apps/v1alpha1"
)

// Reason names why a pod got its subset, or none. It is a metric label and the
// reason of events, and so is written in their style.
type Reason string

const (
	// First means: the first subset had room.
	First Reason = "SubsetChosen"
	// Spilled means: every earlier subset is full or cannot schedule pods.
	Spilled Reason = "SubsetSpilled"
	// Numbered means: the pod's ordinal or completion index says it all.
	Numbered Reason = "SubsetByOrdinal"
	// Kept means: the pod had got its subset before; admission was called again.
	Kept Reason = "SubsetKept"
	// Probe means: the one pod that tries a subset which could not schedule pods.
	Probe Reason = "SubsetProbed"
	// Cordoned means: no other subset has room, so the pod waits in one whose nodes
	// are all cordoned until one of them is not.
	Cordoned Reason = "SubsetCordoned"
	// NoSubset means: no subset has room. The pod keeps its constraints and gains none.
	NoSubset Reason = "NoSubset"
	// Failed means: the WorkloadSpread cannot be honoured; Decision.Err says why.
	Failed Reason = "SpreadFailed"
)

// Cause names why a subset was passed over. It is a metric label.
type Cause string

const (
	// CauseFull means: all its slots are taken, or are for smaller numbers.
	CauseFull Cause = "full"
	// CauseUnschedulable means: its nodes could not take pods lately, or another pod
	// is trying them just now.
	CauseUnschedulable Cause = "unschedulable"
	// CauseCordoned means: its virtual node takes no new pods.
	CauseCordoned Cause = "cordoned"
	// CauseUnrecorded means: its slots cannot be recorded for now.
	CauseUnrecorded Cause = "unrecorded"
)

// Causes are all there are.
func Causes() []Cause {
	return []Cause{CauseFull, CauseUnschedulable, CauseCordoned, CauseUnrecorded}
}

// Decision is what was decided for a pod that a WorkloadSpread targets.
type Decision struct {
	// Spread is the WorkloadSpread. It is not modified.
	Spread *v1alpha1.WorkloadSpread
	// Subset is the chosen one, a part of Spread; nil when there is none, and
	// the pod is to be admitted without the spread.
	Subset *v1alpha1.WorkloadSpreadSubset
	// Virtual says that the subset's pods run on virtual nodes.
	Virtual bool
	// UID is the key of the reservation of a pod whose name is not known yet;
	// empty when it needed none.
	UID string
	// Reason and Message say why, in a word and in a sentence.
	Reason  Reason
	Message string
	// Cause is why the first subset was passed over, if it was.
	Cause Cause
	// Warnings tell of what is doubtful about the WorkloadSpread.
	Warnings []string
	// Err is why the WorkloadSpread could not be honoured, if it could not.
	Err error
}
