package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// harm is what a fault is done to. Faults that harm different things can go together.
type harm string

const (
	theNode       harm = "node"
	theUpstream   harm = "upstream"
	theDownstream harm = "downstream"
	theRequests   harm = "requests"
)

// Planned is a fault that is to last for a while; faults that are over in an instant
// do not ask how long.
type Planned struct {
	Name  string
	Lasts time.Duration
}

// Step is one or several faults that begin together. Both clusters must agree after
// it.
type Step []Planned

// harms says whether one of the faults does.
func (s Step) harms(what harm) bool {
	return slices.ContainsFunc(s, func(p Planned) bool { return find(p.Name).harms == what })
}

// Round is one step after the other.
type Round struct {
	Name  string
	Steps []Step
}

// Short has every fault once that is not extra: the two outages as long as ever, the
// others for a few seconds.
func Short() Round {
	return choose("each fault once, shortly", func(f fault) (time.Duration, bool) { return f.shortly(), !f.extra })
}

// Long is the whole list, each fault for as long as it is meant to last.
func Long() Round {
	return choose("each fault once", func(f fault) (time.Duration, bool) { return f.lasts, true })
}

// Only is Long, of faults whose names contain a text.
func Only(text string) Round {
	return choose("faults called "+text, func(f fault) (time.Duration, bool) { return f.lasts, strings.Contains(f.name, text) })
}

func choose(name string, choice func(fault) (time.Duration, bool)) Round {
	round := Round{Name: name}
	for _, f := range list() {
		if lasts, chosen := choice(f); chosen {
			round.Steps = append(round.Steps, Step{{f.name, lasts}})
		}
	}
	return round
}

// Random is a round of two to four faults of random lengths, which seed decides. Now
// and then two go together.
func Random(seed uint64) Round {
	random := rand.New(rand.NewPCG(seed, seed))
	all := list()
	round := Round{Name: fmt.Sprintf("seed %d", seed)}
	for range 2 + random.IntN(3) {
		f := all[random.IntN(len(all))]
		planned := Planned{f.name, time.Duration(2000+random.IntN(13_000)) * time.Millisecond}
		last := len(round.Steps) - 1
		together := last >= 0 && random.IntN(3) == 0 && !round.Steps[last].harms(f.harms)
		if together {
			round.Steps[last] = append(round.Steps[last], planned)
			continue
		}
		round.Steps = append(round.Steps, Step{planned})
	}
	return round
}

// find returns the fault of a name that is in the list.
func find(name string) fault {
	all := list()
	return all[slices.IndexFunc(all, func(f fault) bool { return f.name == name })]
}
