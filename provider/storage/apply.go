package storage

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/provider/pods"
	"github.com/spillway-io/spillway/provider/translate"
)

// apply does what the action says, in both clusters.
func (r *Reconciler) apply(ctx context.Context, w World, action Action) error {
	if action.Provision != nil {
		err := r.Upstream.Client.Create(ctx, action.Provision, FieldOwner)
		if apierrors.IsAlreadyExists(err) {
			return nil // The cache does not show it yet; its event has been sent.
		}
		if err != nil {
			return fmt.Errorf("cannot create the upstream volume: %w", err)
		}
		logf.FromContext(ctx).Info("Provisioned a volume", "volume", action.Provision.Name)
	}
	if action.Forget != nil {
		err := r.Upstream.Client.Delete(ctx, &corev1.PersistentVolume{ObjectMeta: action.Forget.ObjectMeta}, client.Preconditions{UID: &action.Forget.UID})
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("cannot delete the upstream volume: %w", err)
		}
	}
	if action.Grow != nil {
		if err := r.grow(ctx, w, *action.Grow); err != nil {
			return err
		}
	}
	if action.Event != nil {
		r.tell(w, *action.Event)
	}
	if action.Expand != nil {
		return r.expand(ctx, w, action)
	}
	return nil
}

// expand has the downstream cluster judge whether its class allows that.
func (r *Reconciler) expand(ctx context.Context, w World, action Action) error {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": w.DownstreamClaim.UID},
		"spec":     map[string]any{"resources": map[string]any{"requests": map[string]string{string(corev1.ResourceStorage): action.Expand.String()}}},
	})
	if err != nil {
		return fmt.Errorf("cannot encode the new size: %w", err)
	}
	err = r.Downstream.Client.Patch(ctx, &corev1.PersistentVolumeClaim{ObjectMeta: w.DownstreamClaim.ObjectMeta}, client.RawPatch(types.MergePatchType, patch), FieldOwner)
	switch {
	case isRefusal(err):
		// Not an obstacle: the claim works as it is.
		r.tell(w, Event{Type: corev1.EventTypeWarning, Reason: ReasonRejected, UID: w.Claim.UID, Note: "The downstream claim cannot be expanded: " + err.Error()})
		return nil
	case client.IgnoreNotFound(err) != nil:
		return fmt.Errorf("cannot expand the downstream claim: %w", err)
	default:
		return nil
	}
}

// grow reports a size upstream. Patches carry the objects' UIDs.
func (r *Reconciler) grow(ctx context.Context, w World, g Growth) error {
	capacity := map[string]string{string(corev1.ResourceStorage): g.Capacity.String()}
	if g.Volume != nil {
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": g.Volume.UID}, "spec": map[string]any{"capacity": capacity}})
		if err != nil {
			return fmt.Errorf("cannot encode the volume's capacity: %w", err)
		}
		err = r.Upstream.Client.Patch(ctx, &corev1.PersistentVolume{ObjectMeta: g.Volume.ObjectMeta}, client.RawPatch(types.MergePatchType, patch), FieldOwner)
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("cannot write the upstream volume's capacity: %w", err)
		}
	}
	if g.Claim {
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": w.Claim.UID}, "status": map[string]any{"capacity": capacity}})
		if err != nil {
			return fmt.Errorf("cannot encode the claim's capacity: %w", err)
		}
		err = r.Upstream.Client.Status().Patch(ctx, &corev1.PersistentVolumeClaim{ObjectMeta: w.Claim.ObjectMeta}, client.RawPatch(types.MergePatchType, patch), FieldOwner)
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("cannot write the upstream claim's capacity: %w", err)
		}
	}
	return nil
}

// createDownstream creates a claim or a volume, and the claim's namespace first
// if that is missing.
func (r *Reconciler) createDownstream(ctx context.Context, namespace string, object client.Object) error {
	err := r.Downstream.Client.Create(ctx, object, FieldOwner)
	if apierrors.IsNotFound(err) && object.GetNamespace() != "" {
		if err := r.MakeNamespace(ctx, namespace); err != nil {
			return err
		}
		err = r.Downstream.Client.Create(ctx, object, FieldOwner)
	}
	if err != nil {
		return fmt.Errorf("cannot create %T %s downstream: %w", object, name(object), err)
	}
	logf.FromContext(ctx).Info("Created downstream", "kind", fmt.Sprintf("%T", object), "name", object.GetName())
	return nil
}

// rejected tells what an API server refuses for a reason that people can act on:
// quota, permissions, policies. What else went wrong is tried again.
func (r *Reconciler) rejected(w World, refused error) (*pods.Obstacle, error) {
	if !isRefusal(refused) || w.Claim == nil {
		return nil, refused
	}
	r.tell(w, Event{Type: corev1.EventTypeWarning, Reason: ReasonRejected, Note: refused.Error(), UID: w.Claim.UID})
	return &pods.Obstacle{Reason: ReasonRejected, Message: refused.Error(), Again: lookAgain}, nil
}

func isRefusal(err error) bool { return apierrors.IsForbidden(err) || apierrors.IsInvalid(err) }

// tell sends an event about the upstream claim. The reference carries no resource
// version, so that repeated events become one series.
func (r *Reconciler) tell(w World, e Event) {
	reference := &corev1.ObjectReference{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: w.Key.Namespace, Name: w.Key.Name, UID: e.UID}
	r.Events.Eventf(reference, nil, e.Type, e.Reason, "ProvideStorage", "%s", translate.EventText(e.Note))
}
