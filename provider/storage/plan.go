package storage

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/storage/volume"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/pods"
	"github.com/spillway-io/spillway/provider/translate"
)

// Plan decides what to do about one claim, by the state table in the package
// documentation. It modifies nothing.
func Plan(w World, rules translate.Rules) Action {
	if w.Claim == nil {
		return w.gone(rules)
	}
	bound := w.bound()
	switch {
	case w.Wanted && w.Claim.DeletionTimestamp != nil:
		// A kubelet starts no pod with it either.
		return w.wait(RowDeleting, ReasonNotBound, fmt.Sprintf("Claim %q is being deleted", w.Key.Name))
	case bound == nil && w.Claim.Spec.VolumeName == "" && w.Class != nil && w.Class.Provisioner == api.Provisioner:
		return w.provision(rules)
	case bound == nil:
		return w.unbound()
	case volume.CheckNodeAffinity(bound, rules.Node.Labels) != nil:
		return w.wait(RowElsewhere, ReasonElsewhere, fmt.Sprintf("Volume %q of claim %q is on nodes other than virtual node %q", bound.Name, w.Key.Name, rules.Node.Name))
	case isOurs(bound, rules):
		return w.mirror(bound, rules)
	case w.Wanted:
		return w.carry(bound, rules)
	default:
		return Action{Row: RowNothing}
	}
}

// bound is the upstream volume that the claim is bound to, in both directions;
// nil when it is not.
func (w World) bound() *corev1.PersistentVolume {
	if w.Claim.Status.Phase != corev1.ClaimBound {
		return nil
	}
	for i := range w.Volumes {
		if v := &w.Volumes[i]; v.Name == w.Claim.Spec.VolumeName && v.Spec.ClaimRef != nil && v.Spec.ClaimRef.UID == w.Claim.UID {
			return v
		}
	}
	return nil
}

// gone forgets what stands for nothing, and keeps what may hold data.
func (w World) gone(rules translate.Rules) Action {
	if w.Wanted && !w.Live {
		return Action{Row: RowMissing, Confirm: true}
	}
	if w.Wanted {
		return w.wait(RowMissing, ReasonClaimNotFound, fmt.Sprintf("Claim %q does not exist", w.Key.Name))
	}
	for i := range w.Volumes {
		v := &w.Volumes[i]
		if isOurs(v, rules) && v.Status.Phase == corev1.VolumeReleased && v.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete {
			return Action{Row: RowForget, Forget: v}
		}
	}
	switch {
	case w.DownstreamClaim == nil || !rules.Owns(w.DownstreamClaim):
		return Action{Row: RowNothing}
	case slices.ContainsFunc(w.Volumes, func(v corev1.PersistentVolume) bool { return v.Status.Phase == corev1.VolumeBound }):
		// The upstream cluster has yet to notice; once is enough.
		return Action{Row: RowLeftover}
	default:
		return Action{Row: RowLeftover, Event: &Event{
			Type: corev1.EventTypeNormal, Reason: ReasonLeftover, UID: upstreamUID(w.DownstreamClaim),
			Note: fmt.Sprintf("Downstream claim %s keeps the data of this claim, which was deleted. Delete it in the downstream cluster when the data is not needed any more", name(w.DownstreamClaim)),
		}}
	}
}

// unbound leaves it to the upstream cluster to find a volume. A pod that was bound
// here because there is one must not be told that there is none.
func (w World) unbound() Action {
	if w.Wanted && !w.Live {
		return Action{Row: RowUnbound, Confirm: true}
	}
	return w.wait(RowUnbound, ReasonNotBound, fmt.Sprintf("Claim %q is not bound to a volume yet. Volumes of a class with provisioner %s are made when the scheduler has selected the virtual node", w.Key.Name, api.Provisioner))
}

// mirror keeps a downstream claim as large as asked for, and upstream informed of
// how large it is. The volume names the claim, which may have been created for an
// earlier upstream claim than the one that its owner bound the volume to.
func (w World) mirror(bound *corev1.PersistentVolume, rules translate.Rules) Action {
	held := w.DownstreamClaim
	switch {
	case isEphemeral(w.Claim):
		return Action{Row: RowNothing}
	case bound.Spec.CSI.VolumeHandle != handle(w.Key, rules):
		return w.refuse(RowElsewhere, ReasonElsewhere, fmt.Sprintf("Volume %q is downstream claim %q, which only a claim of the same namespace and name can use", bound.Name, bound.Spec.CSI.VolumeHandle))
	case held == nil && !w.Live:
		return Action{Row: RowLost, Confirm: true}
	case held == nil:
		return w.refuse(RowLost, ReasonLost, fmt.Sprintf("Downstream claim %s, which held the data of volume %q, was deleted in the downstream cluster. "+
			"It is not created again: restore it there, or delete this claim and volume", below(w.Key, rules), bound.Name))
	case !rules.Owns(held):
		return w.refuse(RowConflict, pods.ReasonConflict, describeForeign("claim", held, rules))
	}
	return grown(w.Claim, bound, held)
}

// grown passes sizes on, in both directions. A downstream claim that has no volume
// yet takes no new size, and has none.
func grown(claim *corev1.PersistentVolumeClaim, bound *corev1.PersistentVolume, held *corev1.PersistentVolumeClaim) Action {
	action := Action{Row: RowMirror}
	if held.Status.Phase != corev1.ClaimBound {
		return action
	}
	if want := claim.Spec.Resources.Requests[corev1.ResourceStorage]; want.Cmp(held.Spec.Resources.Requests[corev1.ResourceStorage]) > 0 {
		action.Expand = &want
	}
	grow := Growth{Capacity: held.Status.Capacity[corev1.ResourceStorage]}
	if grow.Capacity.Cmp(bound.Spec.Capacity[corev1.ResourceStorage]) > 0 {
		grow.Volume = bound
	}
	grow.Claim = grow.Capacity.Cmp(claim.Status.Capacity[corev1.ResourceStorage]) > 0
	if grow.Volume != nil || grow.Claim {
		action.Grow = &grow
	}
	return action
}

// wait keeps a pod that needs the claim from being created.
func (w World) wait(row Row, reason, message string) Action {
	if !w.Wanted {
		return Action{Row: row}
	}
	return Action{Row: row, Obstacle: &pods.Obstacle{Reason: reason, Message: message, Again: lookAgain}}
}

// refuse tells the claim's owner too.
func (w World) refuse(row Row, reason, message string) Action {
	return Action{
		Row:      row,
		Obstacle: &pods.Obstacle{Reason: reason, Message: message, Again: lookAgain},
		Event:    &Event{Type: corev1.EventTypeWarning, Reason: reason, Note: message, UID: w.Claim.UID},
	}
}

// describeForeign says whose a downstream object is that is in the way.
func describeForeign(kind string, object metav1.Object, rules translate.Rules) string {
	return rules.DescribeForeign(kind, object, "Delete it or use another name")
}

// name is what people call an object, in quotes.
func name(object metav1.Object) string {
	if object.GetNamespace() == "" {
		return fmt.Sprintf("%q", object.GetName())
	}
	return fmt.Sprintf("%q", object.GetNamespace()+"/"+object.GetName())
}
