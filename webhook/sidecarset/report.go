package sidecarset

import (
	"context"
	"errors"
	"fmt"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/webhook/sidecar"
)

// maxConditions bounds how many pods get a condition in one pass.
const maxConditions = 50

// reasonNeedRecreation is of the event about pods that cannot follow in place.
const reasonNeedRecreation = "NeedRecreation"

// writeStatus writes the status if it is another one, with the version that was
// read.
func (p *pass) writeStatus(ctx context.Context, status v1alpha1.SidecarSetStatus) error {
	if apiequality.Semantic.DeepEqual(p.object.Status, status) {
		return nil
	}
	if next := p.memory.wrote.Add(writePause); p.now.Before(next) {
		p.lookAt(next)
		return nil
	}
	p.memory.wrote = p.now
	patch, err := sidecar.StatusPatch(p.object, status)
	if err != nil {
		return err
	}
	answer := &v1alpha1.SidecarSet{}
	answer.Name = p.object.Name
	err = p.client.Status().Patch(ctx, answer, client.RawPatch(types.MergePatchType, patch))
	switch {
	case apierrors.IsConflict(err):
		p.lookSoon()
		return nil
	case client.IgnoreNotFound(err) != nil:
		return fmt.Errorf("cannot write the status: %w", err)
	}
	return nil
}

// writeConditions writes those of pods that are as they were when they were
// judged.
func (p *pass) writeConditions(ctx context.Context, conditions []sidecar.Condition) error {
	var errs []error
	count := 0
	for _, c := range conditions {
		if _, busy := p.memory.written[c.Pod.UID]; busy {
			p.lookSoon()
			continue
		}
		if count == maxConditions {
			p.lookSoon()
			break
		}
		count++
		if err := p.writeCondition(ctx, c); err != nil {
			errs = append(errs, fmt.Errorf("cannot write the condition of pod %s/%s: %w", c.Pod.Namespace, c.Pod.Name, err))
		}
	}
	return errors.Join(errs...)
}

func (p *pass) writeCondition(ctx context.Context, c sidecar.Condition) error {
	patch, err := sidecar.ConditionPatch(c)
	if err != nil {
		return err
	}
	answer := &corev1.Pod{}
	answer.Namespace, answer.Name = c.Pod.Namespace, c.Pod.Name
	err = p.client.Status().Patch(ctx, answer, client.RawPatch(types.StrategicMergePatchType, patch))
	switch {
	case apierrors.IsConflict(err):
		p.lookSoon()
		return nil
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return err
	}
	after := c.Pod.DeepCopy()
	after.ResourceVersion, after.Status.Conditions = answer.ResourceVersion, answer.Status.Conditions
	p.memory.written[c.Pod.UID] = written{from: c.Pod.ResourceVersion, pod: after}
	return nil
}

// tellBlocked tells once for each version of the set that pods cannot follow it.
func (p *pass) tellBlocked(blocked []sidecar.Blocked) {
	if len(blocked) == 0 {
		delete(p.memory.told, reasonNeedRecreation)
		return
	}
	if first := blocked[0]; p.memory.tells(reasonNeedRecreation, p.view.Set.Hash) {
		p.events.Eventf(p.object, nil, corev1.EventTypeWarning, reasonNeedRecreation, "Roll",
			"%d of %d pods keep the version they have until they are created again, such as %s/%s: %s",
			len(blocked), len(p.view.Pods), first.Pod.Namespace, first.Pod.Name, first.Reason)
	}
}
