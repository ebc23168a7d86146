package storage

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/provider/translate"
)

// Leftover is a downstream claim of ours that no upstream claim uses any more,
// and whose data stays until somebody deletes it downstream.
type Leftover struct {
	// Claim is its namespace and name downstream.
	Claim types.NamespacedName
	// Volume is the downstream volume that it is bound to, if it is.
	Volume string
	// Capacity is that volume's.
	Capacity resource.Quantity
	// UpstreamUID is the UID of the upstream claim that it was created for.
	UpstreamUID types.UID
}

// Leftovers lists what could be deleted downstream, by hand, as the caches have
// it. Nothing here deletes it.
func (r *Reconciler) Leftovers(ctx context.Context) ([]Leftover, error) {
	var list corev1.PersistentVolumeClaimList
	if err := r.Downstream.Client.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("cannot list the downstream claims: %w", err)
	}
	var leftovers []Leftover
	for i := range list.Items {
		held := &list.Items[i]
		for _, request := range r.upstreamOf(ctx, held) {
			w, err := r.gather(ctx, request.NamespacedName, false)
			if err != nil {
				return nil, err
			}
			if w.isLeftover(r.Rules) {
				leftovers = append(leftovers, leftover(held))
			}
		}
	}
	return leftovers, nil
}

func leftover(held *corev1.PersistentVolumeClaim) Leftover {
	return Leftover{
		Claim:    types.NamespacedName{Namespace: held.Namespace, Name: held.Name},
		Volume:   held.Spec.VolumeName,
		Capacity: held.Status.Capacity[corev1.ResourceStorage], UpstreamUID: upstreamUID(held),
	}
}

// LeftoversOf is the same of objects that were read elsewhere: those of downstream's
// claims that are leftovers, given all claims and volumes upstream.
func LeftoversOf(downstream, claims []corev1.PersistentVolumeClaim, volumes []corev1.PersistentVolume, rules translate.Rules) []Leftover {
	byName := make(map[types.NamespacedName]*corev1.PersistentVolumeClaim, len(claims))
	for i := range claims {
		byName[types.NamespacedName{Namespace: claims[i].Namespace, Name: claims[i].Name}] = &claims[i]
	}
	var leftovers []Leftover
	for i := range downstream {
		held := &downstream[i]
		namespace, mapped := rules.Namespaces.Upstream(held.Namespace)
		if !mapped {
			continue
		}
		key := types.NamespacedName{Namespace: namespace, Name: held.Name}
		if (World{Key: key, Claim: byName[key], Volumes: volumes, DownstreamClaim: held}).isLeftover(rules) {
			leftovers = append(leftovers, leftover(held))
		}
	}
	return leftovers
}

// isLeftover says that the downstream claim is ours, and that neither the upstream
// claim nor a volume that it was bound to by hand leads there.
func (w World) isLeftover(rules translate.Rules) bool {
	held := w.DownstreamClaim
	switch {
	case held == nil || !rules.Owns(held):
		return false
	case w.Claim == nil:
		return true
	case rules.StandsFor(held, w.Claim):
		return false
	}
	bound := w.bound()
	if bound == nil {
		return true
	}
	if isOurs(bound, rules) {
		return bound.Spec.CSI.VolumeHandle != handle(w.Key, rules)
	}
	return held.Spec.VolumeName != copyName(bound.Name, rules)
}
