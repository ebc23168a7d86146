package storage

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-helpers/storage/volume"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/pods"
	"github.com/spillway-io/spillway/provider/translate"
)

// provision makes a volume for a claim of our provisioner: the downstream claim
// first, so that whoever stands in its way is known before the upstream scheduler
// has sent the pod here.
func (w World) provision(rules translate.Rules) Action {
	claim := w.Claim
	switch {
	case w.Class.VolumeBindingMode == nil || *w.Class.VolumeBindingMode != storagev1.VolumeBindingWaitForFirstConsumer:
		return w.refuse(RowImmediate, ReasonImmediate, fmt.Sprintf("StorageClass %q needs volumeBindingMode: WaitForFirstConsumer: only the node of the claim's pod tells which cluster the volume is made in", w.Class.Name))
	case claim.Annotations[volume.AnnSelectedNode] != rules.Node.Name, claim.DeletionTimestamp != nil:
		return w.unbound()
	}
	if what := unsuitable(claim); what != "" {
		return w.refuse(RowUnsuitable, ReasonUnsuitable, fmt.Sprintf("StorageClass %q cannot give %s: it means upstream objects, which the downstream cluster does not have", w.Class.Name, what))
	}
	if !isEphemeral(claim) {
		if action, first := w.below(rules); first {
			return action
		}
	}
	waiting := w.unbound()
	if slices.ContainsFunc(w.Volumes, func(v corev1.PersistentVolume) bool { return v.Name == volumeName(claim) }) {
		return waiting
	}
	if !w.Live {
		return Action{Row: RowProvision, Confirm: true}
	}
	return Action{Row: RowProvision, Provision: provisioned(claim, w.Class, rules), Obstacle: waiting.Obstacle, Event: w.retained()}
}

// below is what has to be done first about the downstream claim, if anything.
func (w World) below(rules translate.Rules) (Action, bool) {
	held := w.DownstreamClaim
	switch {
	case held == nil && !w.Live:
		return Action{Row: RowClaim, Confirm: true}, true
	case held == nil:
		return Action{Row: RowClaim, CreateClaim: downstreamClaim(w.Claim, downstreamClass(w.Class, rules), "", rules)}, true
	case !rules.Owns(held):
		return w.refuse(RowConflict, pods.ReasonConflict, describeForeign("claim", held, rules)), true
	case !rules.StandsFor(held, w.Claim):
		return w.refuse(RowPredecessor, ReasonPredecessor, fmt.Sprintf("Downstream claim %s still holds the data of an earlier claim of this name. "+
			"To go on with the data, bind this claim to volume %q; to begin anew, delete the downstream claim", name(held), "pvc-"+string(upstreamUID(held)))), true
	default:
		return Action{}, false
	}
}

// retained tells those whose class promises a deletion that there is none.
func (w World) retained() *Event {
	policy := w.Class.ReclaimPolicy
	if isEphemeral(w.Claim) || policy != nil && *policy != corev1.PersistentVolumeReclaimDelete {
		return nil
	}
	return &Event{
		Type: corev1.EventTypeNormal, Reason: ReasonRetained, UID: w.Claim.UID,
		Note: fmt.Sprintf("StorageClass %q says Delete, but the volume has the policy Retain: Spillway deletes no data. Delete the downstream claim when it is not needed any more", w.Class.Name),
	}
}

// unsuitable names what a claim asks for that has no meaning downstream.
func unsuitable(claim *corev1.PersistentVolumeClaim) string {
	switch {
	case claim.Spec.Selector != nil:
		return "a volume by selector"
	case claim.Spec.DataSource != nil, claim.Spec.DataSourceRef != nil:
		return "a data source"
	case claim.Spec.VolumeAttributesClassName != nil && *claim.Spec.VolumeAttributesClassName != "":
		return "a VolumeAttributesClass"
	default:
		return ""
	}
}

// upstreamUID is the UID of what a downstream object of ours stands for.
func upstreamUID(claim *corev1.PersistentVolumeClaim) types.UID {
	return types.UID(claim.Annotations[api.UpstreamUIDAnnotation])
}
