package workload

import (
	"context"
	"fmt"
	"slices"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/spread"
)

// maxOwners bounds how many owners of owners are looked at. Kubernetes' own
// chains have two, and owner references can be a circle.
const maxOwners = 5

// SpreadOf returns the WorkloadSpread that targets a pod which is created in the
// namespace: the one of its nearest owner that has any, and of several for one
// owner, which validation does not let in, the first by name. It is nil if there
// is none. The result must not be modified. The error tells of an owner that
// cannot be read, or of a selector that does not parse, and comes with the
// WorkloadSpread at fault if it is known.
func (r *Reader) SpreadOf(ctx context.Context, namespace string, pod *corev1.Pod) (*v1alpha1.WorkloadSpread, error) {
	if !r.started.Load() {
		return nil, nil
	}
	owner, ok := spread.ControllerOf(pod)
	for range maxOwners {
		if !ok {
			return nil, nil
		}
		if ws, err := spread.Targeting(r.targets.of(namespace, owner), owner, pod.Labels); ws != nil {
			return ws, err
		}
		// This saves reading owners of workloads that Kubernetes creates for nobody
		// else. Pods of DaemonSets are never handled, whoever made those.
		if owner.Kind == "DaemonSet" || !r.targets.anyOfOther(namespace, owner.GroupKind) {
			return nil, nil
		}
		var err error
		if owner, ok, err = r.controllerOf(ctx, namespace, owner); err != nil {
			return nil, fmt.Errorf("cannot tell which WorkloadSpread targets the pod: %w", err)
		}
	}
	return nil, nil
}

// SpreadsFor returns the WorkloadSpreads that have to do with a pod: the one that
// targets it, and the one its annotation names.
func (r *Reader) SpreadsFor(ctx context.Context, pod *corev1.Pod) []types.NamespacedName {
	var keys []types.NamespacedName
	// A pod whose owner cannot be read belongs to a workload that is gone or
	// unknown; whatever happens to that one next is an event of its own.
	if ws, err := r.SpreadOf(ctx, pod.Namespace, pod); err == nil && ws != nil {
		keys = append(keys, client.ObjectKeyFromObject(ws))
	}
	if match, ok := spread.MatchOf(pod); ok {
		if key := (types.NamespacedName{Namespace: pod.Namespace, Name: match.Name}); !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// controllerOf returns the owner of an owner. A workload that is in no cache yet
// may have been created a moment ago, so the API server is asked. What is gone,
// or not ours to read, has no owner.
func (r *Reader) controllerOf(ctx context.Context, namespace string, owner spread.Owner) (spread.Owner, bool, error) {
	object, err := r.owner(ctx, namespace, owner)
	switch {
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err), meta.IsNoMatchError(err):
		return spread.Owner{}, false, nil
	case err != nil:
		return spread.Owner{}, false, fmt.Errorf("cannot read %s %q: %w", owner.Kind, owner.Name, err)
	}
	above, ok := spread.ControllerOf(object)
	return above, ok, nil
}

func (r *Reader) owner(ctx context.Context, namespace string, owner spread.Owner) (metav1.Object, error) {
	key := client.ObjectKey{Namespace: namespace, Name: owner.Name}
	if kind, cached := cachedKind(owner.GroupKind); cached {
		workload := newWorkload(kind)
		err := r.cache.Get(ctx, key, workload, client.UnsafeDisableDeepCopy)
		if err == nil && (owner.UID == "" || workload.GetUID() == owner.UID) {
			return workload, nil
		}
		if err != nil && !apierrors.IsNotFound(err) {
			return nil, err
		}
	}
	kind, err := r.servedKind(owner.GroupKind)
	if err != nil {
		return nil, err
	}
	object := &metav1.PartialObjectMetadata{}
	object.SetGroupVersionKind(kind)
	return object, r.live.Get(ctx, key, object)
}

func (r *Reader) servedKind(kind schema.GroupKind) (schema.GroupVersionKind, error) {
	mapping, err := r.scales.RESTMapper().RESTMapping(kind)
	if err != nil {
		return schema.GroupVersionKind{}, err
	}
	return mapping.GroupVersionKind, nil
}

// Borne says whether the template of the pod's controller carries the same
// matched annotation as the pod, as happens when a template was copied from a
// pod. It goes by the cache alone.
func (r *Reader) Borne(ctx context.Context, namespace string, pod *corev1.Pod) bool {
	value, has := pod.Annotations[api.MatchedWorkloadSpreadAnnotation]
	owner, ok := spread.ControllerOf(pod)
	if !has || !ok {
		return false
	}
	kind, cached := cachedKind(owner.GroupKind)
	if !cached {
		return false
	}
	workload := newWorkload(kind)
	if err := r.cache.Get(ctx, client.ObjectKey{Namespace: namespace, Name: owner.Name}, workload, client.UnsafeDisableDeepCopy); err != nil {
		return false
	}
	return templateAnnotations(workload)[api.MatchedWorkloadSpreadAnnotation] == value
}
