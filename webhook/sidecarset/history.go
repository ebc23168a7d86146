package sidecarset

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/sidecar"
)

// history keeps the set's revisions, and gives the set the name of its own. The
// number of collisions is nil if no history is kept.
func (p *pass) history(ctx context.Context, pods []*corev1.Pod) (collisions *int32, err error) {
	set := *p.view.Set
	set.Revision = ""
	p.view.Set = &set
	if p.namespace == "" {
		return nil, nil
	}
	var list appsv1.ControllerRevisionList
	if err := p.client.List(ctx, &list, client.InNamespace(p.namespace), client.MatchingLabels{api.SidecarSetNameLabel: p.object.Name}); err != nil {
		return nil, fmt.Errorf("cannot list the revisions of the set: %w", err)
	}
	existing := make([]*appsv1.ControllerRevision, len(list.Items))
	for i := range list.Items {
		existing[i] = &list.Items[i]
	}
	plan, err := p.planHistory(ctx, existing, p.memory.revisionsInUse(p.object.Name, pods))
	if err != nil {
		return nil, err
	}
	if plan.Update {
		if err := p.updateRevision(ctx, existing, plan.Current); err != nil {
			return nil, err
		}
	}
	for _, revision := range plan.Delete {
		err := p.client.Delete(ctx, revision, client.Preconditions{UID: &revision.UID, ResourceVersion: &revision.ResourceVersion})
		if client.IgnoreNotFound(err) != nil && !apierrors.IsConflict(err) {
			return nil, fmt.Errorf("cannot delete the revision %q: %w", revision.Name, err)
		}
	}
	set.Revision = plan.Current.Name
	return &plan.Collisions, nil
}

// planHistory creates the set's revision if there is none. One that the cache has
// not seen yet is taken into account, whosever it is.
func (p *pass) planHistory(ctx context.Context, existing []*appsv1.ControllerRevision, inUse map[string]bool) (sidecar.HistoryPlan, error) {
	for {
		plan, err := sidecar.History(p.view.Set, existing, inUse)
		if err != nil || !plan.Create {
			return plan, err
		}
		plan.Current.Namespace = p.namespace
		err = p.client.Create(ctx, plan.Current)
		if err == nil {
			return plan, nil
		}
		if !apierrors.IsAlreadyExists(err) {
			return plan, fmt.Errorf("cannot create the revision %q: %w", plan.Current.Name, err)
		}
		unseen := &appsv1.ControllerRevision{}
		if err := p.live.Get(ctx, client.ObjectKeyFromObject(plan.Current), unseen); err != nil {
			return plan, fmt.Errorf("cannot read the revision %q: %w", plan.Current.Name, err)
		}
		existing = append(existing, unseen)
	}
}

func (p *pass) updateRevision(ctx context.Context, existing []*appsv1.ControllerRevision, current *appsv1.ControllerRevision) error {
	i := slices.IndexFunc(existing, func(r *appsv1.ControllerRevision) bool { return r.Name == current.Name })
	if i < 0 {
		// The cache has not seen it yet.
		p.lookSoon()
		return nil
	}
	err := p.client.Patch(ctx, current.DeepCopy(), client.MergeFromWithOptions(existing[i], client.MergeFromWithOptimisticLock{}))
	switch {
	case apierrors.IsConflict(err), apierrors.IsNotFound(err):
		p.lookSoon()
		return nil
	case err != nil:
		return fmt.Errorf("cannot update the revision %q: %w", current.Name, err)
	}
	return nil
}
