package workload

import (
	"context"
	"fmt"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/webhook/spread"
)

// Target returns what is known of ws's target, from the cache where it is held
// there; ok is false if it does not exist.
func (r *Reader) Target(ctx context.Context, ws *v1alpha1.WorkloadSpread) (target spread.Target, ok bool, err error) {
	return r.target(ctx, ws, false)
}

// LiveTarget is Target from the API server.
func (r *Reader) LiveTarget(ctx context.Context, ws *v1alpha1.WorkloadSpread) (target spread.Target, ok bool, err error) {
	return r.target(ctx, ws, true)
}

func (r *Reader) target(ctx context.Context, ws *v1alpha1.WorkloadSpread, live bool) (spread.Target, bool, error) {
	ref := ws.Spec.TargetReference
	owner := spread.Owner{GroupKind: spread.TargetKind(ws), Name: ref.Name}
	workload, err := r.workload(ctx, ws.Namespace, owner, schema.FromAPIVersionAndKind(ref.APIVersion, ref.Kind), live)
	if apierrors.IsNotFound(err) {
		return spread.Target{}, false, nil
	}
	if err != nil {
		return spread.Target{}, false, fmt.Errorf("cannot read %s %q: %w", ref.Kind, ref.Name, err)
	}
	target := spread.TargetOf(ws, workload)
	if target.Replicas == nil && target.ReplicasErr == nil && spread.UsesPercent(ws) {
		target.Replicas, target.ReplicasErr = r.scale(ctx, workload)
	}
	switch workload.GetKind() {
	case "Deployment":
		target.Version, err = r.latestVersion(ctx, workload)
	case "ReplicaSet":
		target.Version = hashOf(workload)
	}
	return target, true, err
}

// workload reads a workload. Of a kind that is cached, one that is not in the
// cache may have been created a moment ago, so the API server has the last word.
func (r *Reader) workload(ctx context.Context, namespace string, owner spread.Owner, kind schema.GroupVersionKind, live bool) (*unstructured.Unstructured, error) {
	key := client.ObjectKey{Namespace: namespace, Name: owner.Name}
	if cached, ok := cachedKind(owner.GroupKind); ok {
		kind = cached
		workload := newWorkload(kind)
		if err := r.cache.Get(ctx, key, workload, client.UnsafeDisableDeepCopy); !live && !apierrors.IsNotFound(err) {
			return workload, err
		}
	}
	workload := newWorkload(kind)
	return workload, r.live.Get(ctx, key, workload)
}

// scale reads how many replicas a workload of some other kind wants.
func (r *Reader) scale(ctx context.Context, workload *unstructured.Unstructured) (*int32, error) {
	// A client reads subresources of unstructured objects as unstructured ones.
	scale := newWorkload(autoscalingv1.SchemeGroupVersion.WithKind("Scale"))
	err := r.scales.SubResource("scale").Get(ctx, workload, scale)
	switch {
	case apierrors.IsNotFound(err):
		return nil, fmt.Errorf("a percentage needs the replicas of %s %q, whose kind has no scale subresource: set spec.targetFilter.replicasPathList",
			workload.GetKind(), workload.GetName())
	case err != nil:
		return nil, fmt.Errorf("cannot read the scale subresource of %s %q: %w", workload.GetKind(), workload.GetName(), err)
	}
	replicas, _, err := unstructured.NestedInt64(scale.Object, "spec", "replicas")
	if err != nil {
		return nil, fmt.Errorf("cannot read the scale subresource of %s %q: %w", workload.GetKind(), workload.GetName(), err)
	}
	return new(int32(replicas)), nil
}

// latestVersion is that of the ReplicaSet at the Deployment's own revision.
func (r *Reader) latestVersion(ctx context.Context, deployment *unstructured.Unstructured) (string, error) {
	key := indexKey(spread.Owner{GroupKind: deployment.GroupVersionKind().GroupKind(), Name: deployment.GetName()})
	sets, err := r.controlledBy(ctx, deployment.GetNamespace(), replicaSetKind(), key)
	if err != nil {
		return "", err
	}
	for i := range sets {
		owner, ok := spread.ControllerOf(&sets[i])
		if ok && owner.UID == deployment.GetUID() && revisionOf(&sets[i]) == revisionOf(deployment) {
			return hashOf(&sets[i]), nil
		}
	}
	return "", nil
}

// controlledBy returns the workloads of a kind that the one with that index key
// controls, shared with the cache.
func (r *Reader) controlledBy(ctx context.Context, namespace string, kind schema.GroupVersionKind, controller string) ([]unstructured.Unstructured, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	if err := r.cache.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{controllerIndex: controller}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("cannot list %ss: %w", kind.Kind, err)
	}
	return list.Items, nil
}
