package chaos

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestShort: the short run has every fault that was asked for, outages as long as
// asked for, and none of the rest.
func TestShort(t *testing.T) {
	var names []string
	for _, step := range Short().Steps {
		for _, planned := range step {
			names = append(names, planned.Name)
			if f := find(planned.Name); f.lasts == time.Minute && planned.Lasts != time.Minute {
				t.Errorf("%s lasts %s, want a minute", f.name, planned.Lasts)
			}
		}
	}
	var want []string
	for _, f := range list() {
		if !f.extra {
			want = append(want, f.name)
		}
	}
	slices.Sort(names)
	slices.Sort(want)
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestRandom: a seed says all, faults that harm the same thing never go together,
// and every fault comes up.
func TestRandom(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(200) {
		round := Random(seed)
		if diff := cmp.Diff(round, Random(seed)); diff != "" {
			t.Errorf("seed %d says one thing first and another then, -first +then:\n%s", seed, diff)
		}
		n := 0
		for _, step := range round.Steps {
			harmed := map[harm]bool{}
			for _, planned := range step {
				n++
				f := find(planned.Name)
				seen[f.name] = true
				if harmed[f.harms] {
					t.Errorf("seed %d: %v harm one thing together", seed, step)
				}
				harmed[f.harms] = true
			}
		}
		if n < 2 || n > 4 {
			t.Errorf("seed %d: %d faults, want 2 to 4", seed, n)
		}
	}
	for _, f := range list() {
		if !seen[f.name] {
			t.Errorf("%s never comes up", f.name)
		}
	}
}
