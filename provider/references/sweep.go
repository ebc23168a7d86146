package references

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"
)

const (
	// massDeletions is how many copies a sweep may delete without asking twice,
	// whatever share of all they are.
	massDeletions = 10
)

// Copy is a downstream ConfigMap or Secret of ours.
type Copy struct {
	Key
	UID             types.UID
	ResourceVersion string
}

// Deletion deletes exactly that version of that copy.
type Deletion struct{ Copy }

// Sweep returns the deletions of the copies that no pod uses, in the order of their
// keys.
func Sweep(copies []Copy, uses Uses) []Deletion {
	var unused []Deletion
	for _, c := range copies {
		if _, used := uses[c.Key]; !used {
			unused = append(unused, Deletion{Copy: c})
		}
	}
	slices.SortFunc(unused, func(a, b Deletion) int { return a.Key.compare(b.Key) })
	return unused
}

// Spare returns the deletions that are still right in the light of further uses.
func Spare(deletions []Deletion, uses Uses) []Deletion {
	copies := make([]Copy, 0, len(deletions))
	for _, d := range deletions {
		copies = append(copies, d.Copy)
	}
	return Sweep(copies, uses)
}

// Excessive says whether so many deletions of so many copies look like a mistake:
// more than ten, and more than half of all.
func Excessive(deletions, copies int) bool {
	return deletions > massDeletions && 2*deletions > copies
}
