package spread

import (
	"maps"
	"slices"
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
	for version := range b.granted {
		subsets := b.inSpecOrder(status.VersionedSubsetStatuses[version])
		for i := range subsets {
			creating, gaveUp := b.creating(subsets[i].CreatingPods, version, i)
			if gaveUp {
				noteSeen(&status, subsets[i].Name, b.Turnout.SettledUpTo, b.Now)
			}
			subsets[i].CreatingPods = creating
			subsets[i].MissingReplicas = b.missing(version, i)
		}
		status.VersionedSubsetStatuses[version] = subsets
	}
	return &status
}

// creating returns the reservations of a subset: of those there are the ones that hold a
// slot still, and the granted ones. It gives up those whose pods have settled, which must
// be noted: in a burst they would be thousands. An API server keeps seconds, and so do we.
func (b *batch) creating(there map[string]metav1.Time, version string, subset int) (all map[string]metav1.Time, gaveUp bool) {
	all = b.stillHeld(there)
	if b.Turnout != nil && slices.ContainsFunc(b.Spread.Status.SubsetStatuses, named(b.Spread.Spec.Subsets[subset].Name)) {
		held := len(all)
		maps.DeleteFunc(all, func(key string, _ metav1.Time) bool { return b.Turnout.Settled[key] })
		gaveUp = len(all) < held
	}
	for _, held := range b.dropped[version] {
		if held.subset == subset {
			delete(all, held.key)
		}
	}
	for _, held := range b.granted[version] {
		if held.subset == subset {
			all[held.key] = metav1.NewTime(held.since.Truncate(time.Second))
		}
	}
	return all, gaveUp
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
