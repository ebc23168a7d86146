package mutate

import (
	"fmt"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/webhook/spread"
	"github.com/spillway-io/spillway/webhook/stash"
)

// destination is where a pod is sent, in terms of what that takes.
//
//	                                         stashes  tolerates
//	no WorkloadSpread targets the pod          yes       yes
//	virtual subset                             yes       yes
//	virtual subset whose patch stashes         no        yes
//	real subset                                no        no
//	WorkloadSpread without a subset for it     no        no
//
// Where there is a stash by hand, nothing stashes.
type destination struct {
	// spread is what was decided by the WorkloadSpread; nil if there is none.
	spread *spread.Decision
	// subset is the chosen subset, if there is one.
	subset *v1alpha1.WorkloadSpreadSubset
	// stashes: the pod's own constraints say nothing about the nodes there, so
	// they are put into the stash.
	stashes bool
	// supplies: the subset's patch brings a stash.
	supplies bool
	// tolerates: the nodes there have the provider's taint.
	tolerates bool
	// warnings tell why there is no subset; failed is the error, if it was one.
	warnings []string
	failed   error
}

func destinationOf(d *spread.Decision) destination {
	switch {
	case d == nil:
		return destination{stashes: true, tolerates: true}
	case d.Subset == nil:
		return destination{spread: d, failed: d.Err, warnings: []string{whyNoSubset(d)}}
	}
	supplies := spread.SuppliesStash(d.Subset)
	return destination{spread: d, subset: d.Subset, stashes: d.Virtual && !supplies, supplies: supplies, tolerates: d.Virtual}
}

func whyNoSubset(d *spread.Decision) string {
	if d.Err != nil {
		return fmt.Sprintf("Spillway admitted the pod without its WorkloadSpread: %v", d.Err)
	}
	return fmt.Sprintf("Spillway admitted the pod without a subset of WorkloadSpread \"%s/%s\": %s", d.Spread.Namespace, d.Spread.Name, d.Message)
}

// lostWarning tells of constraints that the pod came with beside its stash, and
// that it no longer has. The stash is written once, so they cannot travel; left
// in place they would keep the pod off the nodes it is sent to. Nobody may find
// out by chance.
func lostWarning(before, after *corev1.Pod, found stash.Stash, to destination) []string {
	if found.Origin != stash.Saved {
		return nil
	}
	lost := lostFields(before.Spec, after.Spec)
	switch {
	case len(lost) == 0:
		return nil
	case to.stashes:
		return []string{fmt.Sprintf(
			"Spillway removed from the upstream pod what was added to it after the stash was made, which does not reach the downstream pod: %s; "+
				"a webhook that adds constraints must run before Spillway's to have them honoured downstream", strings.Join(lost, ", "))}
	default:
		return []string{fmt.Sprintf(
			"Spillway gave the pod its original constraints back from its stash, and removed what was added after the stash was made: %s", strings.Join(lost, ", "))}
	}
}
