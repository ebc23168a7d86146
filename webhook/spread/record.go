package spread

import (
	"maps"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// status returns the WorkloadSpread's status with the reservations that were
// granted and without those that hold nothing any more; nil if none was granted,
// since dropping alone can wait. It shares what it does not change.
func (b *batch) status() *v1alpha1.WorkloadSpreadStatus {
	if len(b.granted) == 0 {
		return nil
	}
	status := b.Spread.Status
	status.VersionedSubsetStatuses = maps.Clone(status.VersionedSubsetStatuses)
	if status.VersionedSubsetStatuses == nil {
		status.VersionedSubsetStatuses = map[string][]v1alpha1.WorkloadSpreadSubsetStatus{}
	}
	for version, granted := range b.granted {
		subsets := b.inSpecOrder(status.VersionedSubsetStatuses[version])
		for i := range subsets {
			subsets[i].CreatingPods = b.stillHeld(subsets[i].CreatingPods)
			b.giveUp(subsets[i].CreatingPods, subsets[i].Name, &status)
			subsets[i].MissingReplicas = b.missing(version, i)
		}
		for _, held := range b.dropped[version] {
			delete(subsets[held.subset].CreatingPods, held.key)
		}
		for _, held := range granted {
			// An API server keeps seconds, and so do we.
			subsets[held.subset].CreatingPods[held.key] = metav1.NewTime(held.since.Truncate(time.Second))
		}
		status.VersionedSubsetStatuses[version] = subsets
	}
	return &status
}

// giveUp drops those of a subset's reservations whose pods have settled, and notes that in
// the status. A subset that has no place for the note yet keeps them.
func (b *batch) giveUp(reservations map[string]metav1.Time, subset string, status *v1alpha1.WorkloadSpreadStatus) {
	if b.Turnout == nil || len(b.Turnout.Settled) == 0 {
		return
	}
	place := placeOf(status.SubsetStatuses, subset)
	if place < 0 {
		return
	}
	before := len(reservations)
	maps.DeleteFunc(reservations, func(key string, _ metav1.Time) bool { return b.Turnout.Settled[key] })
	if len(reservations) < before {
		noteSeen(status, place, b.Turnout.SettledUpTo, b.Now)
	}
}

// inSpecOrder returns an entry for every subset of the spec, those there are
// already and new ones, without those of subsets that were removed.
func (b *batch) inSpecOrder(there []v1alpha1.WorkloadSpreadSubsetStatus) []v1alpha1.WorkloadSpreadSubsetStatus {
	byName := make(map[string]v1alpha1.WorkloadSpreadSubsetStatus, len(there))
	for _, status := range there {
		byName[status.Name] = status
	}
	ordered := make([]v1alpha1.WorkloadSpreadSubsetStatus, len(b.Spread.Spec.Subsets))
	for i := range b.Spread.Spec.Subsets {
		ordered[i] = byName[b.Spread.Spec.Subsets[i].Name]
		ordered[i].Name = b.Spread.Spec.Subsets[i].Name
	}
	return ordered
}

// missing is how many slots of a subset are free; -1 if it has no cap.
func (b *batch) missing(version string, subset int) int32 {
	most, limited, err := Cap(&b.Spread.Spec.Subsets[subset], b.Target.Replicas)
	if !limited || err != nil {
		return unlimited
	}
	return int32(max(0, most-b.tallies[version].taken[subset]))
}
