package references

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"
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
