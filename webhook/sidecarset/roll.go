package sidecarset

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/webhook/eventnote"
	"github.com/spillway-io/spillway/webhook/sidecar"
)

const (
	// maxUpdates bounds the pods that get new images in one pass.
	maxUpdates = 50
	// refusedPause is how long a pod is passed over that cannot be changed.
	refusedPause = time.Minute
	// patience is how long maxUnavailable pods may take to become available before
	// somebody is told: as long as a Deployment has by default.
	patience = 10 * time.Minute
)

// Reasons of the events about rollouts.
const (
	reasonUpdated      = "SidecarUpdated"
	reasonUpdateFailed = "SidecarUpdateFailed"
	reasonStuck        = "RolloutStuck"
)

// roll gives new images to the pods whose turn it is. One that cannot be changed
// does not keep the others from their turn.
func (p *pass) roll(ctx context.Context, plan sidecar.Plan) error {
	p.tellStuck(plan)
	update := plan.Update
	if len(update) > maxUpdates {
		update = update[:maxUpdates]
		p.lookSoon()
	}
	var errs []error
	for _, pod := range update {
		if err := p.update(ctx, pod); err != nil {
			errs = append(errs, fmt.Errorf("cannot update pod %s/%s: %w", pod.Namespace, pod.Name, err))
		}
	}
	return errors.Join(errs...)
}

func (p *pass) update(ctx context.Context, pod *corev1.Pod) error {
	after, err := sidecar.Update(pod, p.view.Set, p.now)
	if err != nil {
		p.refuse(pod, err)
		return nil
	}
	patch, err := sidecar.UpdatePatch(pod, after)
	if err != nil {
		return err
	}
	answer := &corev1.Pod{}
	answer.Namespace, answer.Name = pod.Namespace, pod.Name
	err = p.client.Patch(ctx, answer, client.RawPatch(types.StrategicMergePatchType, patch))
	switch {
	case apierrors.IsConflict(err):
		p.lookSoon()
		return nil
	case apierrors.IsNotFound(err):
		return nil
	case apierrors.IsInvalid(err), apierrors.IsForbidden(err), apierrors.IsBadRequest(err):
		p.refuse(pod, err)
		return nil
	case err != nil:
		return err
	}
	after.ResourceVersion, after.Generation = answer.ResourceVersion, answer.Generation
	p.memory.written[pod.UID] = written{from: pod.ResourceVersion, pod: after}
	p.metrics.updated(p.object.Name)
	p.events.Eventf(pod, p.object, corev1.EventTypeNormal, reasonUpdated, "Update", "SidecarSet %q changed images of its containers", p.object.Name)
	logf.FromContext(ctx).V(1).Info("Updated a pod", "namespace", pod.Namespace, "pod", pod.Name)
	return nil
}

// refuse passes a pod over for a while, and has others chosen instead.
func (p *pass) refuse(pod *corev1.Pod, why error) {
	p.memory.refused[pod.UID] = p.now.Add(refusedPause)
	p.lookSoon()
	p.events.Eventf(pod, p.object, corev1.EventTypeWarning, reasonUpdateFailed, "Update",
		"%s", eventnote.Format("SidecarSet %q cannot change images of its containers: %s", p.object.Name, why))
}

// tellStuck tells once for each version of the set that its rollout does not get
// on.
func (p *pass) tellStuck(plan sidecar.Plan) {
	if plan.Held == 0 || len(plan.Unavailable) == 0 {
		return
	}
	if due := plan.Since.Add(patience); p.now.Before(due) {
		p.lookAt(due)
		return
	}
	if first := plan.Unavailable[0]; p.memory.tells(reasonStuck, p.view.Set.Hash) {
		p.events.Eventf(p.object, nil, corev1.EventTypeWarning, reasonStuck, "Roll",
			"%d pods wait because %d that have been changed do not become available, such as %s/%s",
			plan.Held, len(plan.Unavailable), first.Namespace, first.Name)
	}
}
