package main

import (
	"fmt"
	"strings"

	"github.com/spillway-io/spillway/api"
)

// scenario is what there is in the cluster, and which pods are admitted.
type scenario struct {
	name, what string
	// labels are added to the pod's.
	labels map[string]string
	// owner is the workload that the pod belongs to.
	owner string
	// sets and others are how many SidecarSets select the pod, and how many do not.
	sets, others int
	// capacity is that of the first subset of the owner's WorkloadSpread; none: it has
	// none.
	capacity int
	// limit is how many times the CPU of decode and allow it may take; 0: it is told only.
	limit float64
	// operations is how many the patch may have; 0: it is told only.
	operations int
}

// What the first subset takes.
const (
	none = iota
	// full: the one pod that it has.
	full
	// roomy: each that comes, and has to be counted.
	roomy = 1_000_000
	// unlimited: each, uncounted.
	unlimited = -1
)

// scenarios are in the order in which the cluster gets from one to the next.
func scenarios() []scenario {
	optedIn := map[string]string{api.OptInLabel: api.OptedIn}
	all := []scenario{
		{name: "S0", what: "not opted in", limit: 0.5},
		{name: "S0-opted-out", what: "label says no", labels: map[string]string{api.OptInLabel: api.OptedOut}, limit: 0.5},
		{name: "S6", what: "stash", labels: optedIn, limit: 1.2},
		{name: "S4-unlimited", what: "spread, first subset takes all", labels: optedIn, capacity: unlimited},
		{name: "S4", what: "spread, first subset is full", labels: optedIn, capacity: full, limit: 1.6},
		{name: "S4-write", what: "spread, a slot for each", labels: optedIn, capacity: roomy},
		{name: "S4-stale", what: "spread, pods nobody wants", labels: optedIn, owner: content, capacity: full},
		{name: "S5", what: "spread with sidecars, first subset is full", labels: optedIn, capacity: full, sets: 1, limit: 1.6},
		{name: "S5-write", what: "spread with sidecars, a slot for each", labels: optedIn, capacity: roomy, sets: 1},
		{name: "S1", what: "one SidecarSet", labels: optedIn, sets: 1, limit: 1.3, operations: 12},
		{name: "S2", what: "ten SidecarSets", labels: optedIn, sets: 10, limit: 2},
		{name: "S3", what: "200 SidecarSets, one selects", labels: optedIn, sets: 1, others: 199, limit: 1.4},
	}
	for i := range all {
		if all[i].owner == "" {
			all[i].owner = wanting
		}
	}
	return all
}

// fits says whether the webhook knows what the scenario is about.
func (s scenario) fits(patch []byte, operations int) error {
	text := string(patch)
	injected := strings.Count(text, api.InjectedEnv)
	// Every third of a set's containers has the sign.
	if want := 3 * s.sets; injected != want {
		return fmt.Errorf("the patch has %d sidecars, not %d", injected, want)
	}
	if has := strings.Contains(text, api.MatchedWorkloadSpreadAnnotation[strings.Index(api.MatchedWorkloadSpreadAnnotation, "/")+1:]); has != (s.capacity != none) {
		return fmt.Errorf("the patch names a WorkloadSpread: %t", has)
	}
	if spilled := strings.Contains(text, "subset-b"); spilled != (s.capacity == full) {
		return fmt.Errorf("the pod is in the second subset: %t", spilled)
	}
	if optedIn := s.labels[api.OptInLabel] == api.OptedIn; optedIn != (operations > 0) {
		return fmt.Errorf("the patch has %d operations", operations)
	}
	return nil
}
