package workload

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/spread"
)

// Pods returns the opted-in pods that ws's target controls, directly or through
// others, and that its filter selects. They are slim, and shared with the cache.
func (r *Reader) Pods(ctx context.Context, ws *v1alpha1.WorkloadSpread) ([]*corev1.Pod, error) {
	return r.PodsWith(ctx, ws)
}

// PodsWith is Pods when some of the workloads below the target are known already,
// which the cache may not have yet.
func (r *Reader) PodsWith(ctx context.Context, ws *v1alpha1.WorkloadSpread, known ...spread.Owner) ([]*corev1.Pod, error) {
	controllers, err := r.controllers(ctx, ws, known)
	if err != nil {
		return nil, err
	}
	var pods []*corev1.Pod
	for key := range controllers {
		var list corev1.PodList
		err := r.cache.List(ctx, &list, client.InNamespace(ws.Namespace), client.MatchingFields{controllerIndex: key}, client.UnsafeDisableDeepCopy)
		if err != nil {
			return nil, fmt.Errorf("cannot list pods: %w", err)
		}
		pods = append(pods, selected(ws, &list)...)
	}
	return pods, nil
}

// Turnout is what there is to know of PodsWith for counting them, at a cost that does
// not grow with them. It is nil if ws selects some of its target's pods only: these are
// to be counted one by one.
func (r *Reader) Turnout(ctx context.Context, ws *v1alpha1.WorkloadSpread, now time.Time, known ...spread.Owner) (*spread.Turnout, error) {
	if filter := ws.Spec.TargetFilter; filter != nil && filter.Selector != nil {
		return nil, nil //nolint:nilnil // There is none, which is no error.
	}
	controllers, err := r.controllers(ctx, ws, known)
	if err != nil {
		return nil, err
	}
	return r.rolls.turnout(ws, maps.Keys(controllers), now), nil
}

// SeenUpTo is the resource version up to which PodsWith and Turnout have all pods.
func (r *Reader) SeenUpTo(now time.Time) uint64 { return r.rolls.seenUpTo(now) }

// LivePods is PodsWith from the API server.
func (r *Reader) LivePods(ctx context.Context, ws *v1alpha1.WorkloadSpread, known ...spread.Owner) ([]*corev1.Pod, error) {
	controllers, err := r.controllers(ctx, ws, known)
	if err != nil {
		return nil, err
	}
	var list corev1.PodList
	if err := r.live.List(ctx, &list, client.InNamespace(ws.Namespace), client.MatchingLabels{api.OptInLabel: api.OptedIn}); err != nil {
		return nil, fmt.Errorf("cannot list pods: %w", err)
	}
	var pods []*corev1.Pod
	for _, pod := range selected(ws, &list) {
		if owner, ok := spread.ControllerOf(pod); ok && controllers.Has(indexKey(owner)) {
			pods = append(pods, pod)
		}
	}
	return pods, nil
}

func selected(ws *v1alpha1.WorkloadSpread, list *corev1.PodList) []*corev1.Pod {
	// A selector that does not parse selects nothing: its WorkloadSpread
	// takes part in no admission either.
	selector, err := spread.SelectorOf(ws)
	if err != nil {
		return nil
	}
	pods := make([]*corev1.Pod, 0, len(list.Items))
	for i := range list.Items {
		if selector.Matches(labels.Set(list.Items[i].Labels)) {
			pods = append(pods, &list.Items[i])
		}
	}
	return pods
}

// Nodes returns all nodes, slim, and shared with the cache.
func (r *Reader) Nodes(ctx context.Context) ([]*corev1.Node, error) {
	var list corev1.NodeList
	if err := r.cache.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("cannot list nodes: %w", err)
	}
	nodes := make([]*corev1.Node, len(list.Items))
	for i := range list.Items {
		nodes[i] = &list.Items[i]
	}
	return nodes, nil
}

// OptedIn returns all opted-in pods and all nodes, slim, and shared with the cache;
// nothing until Start has returned.
func (r *Reader) OptedIn(ctx context.Context) ([]*corev1.Pod, []*corev1.Node, error) {
	if !r.started.Load() {
		return nil, nil, nil
	}
	nodes, err := r.Nodes(ctx)
	if err != nil {
		return nil, nil, err
	}
	var list corev1.PodList
	if err := r.cache.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, nil, fmt.Errorf("cannot list pods: %w", err)
	}
	pods := make([]*corev1.Pod, len(list.Items))
	for i := range list.Items {
		pods[i] = &list.Items[i]
	}
	return pods, nodes, nil
}

// controllers returns the index keys of the target and of all workloads that it
// controls, directly or through others.
func (r *Reader) controllers(ctx context.Context, ws *v1alpha1.WorkloadSpread, known []spread.Owner) (sets.Set[string], error) {
	target := spread.TargetKind(ws)
	next := []string{indexKey(spread.Owner{GroupKind: target, Name: ws.Spec.TargetReference.Name})}
	for _, owner := range known {
		next = append(next, indexKey(owner))
	}
	found := sets.New(next...)
	for kinds := below(target); len(kinds) > 0 && len(next) > 0; {
		controller := next[0]
		next = next[1:]
		for _, kind := range kinds {
			workloads, err := r.controlledBy(ctx, ws.Namespace, kind, controller)
			if err != nil {
				return nil, err
			}
			for i := range workloads {
				key := indexKey(spread.Owner{GroupKind: kind.GroupKind(), Name: workloads[i].GetName()})
				if !found.Has(key) {
					found.Insert(key)
					next = append(next, key)
				}
			}
		}
	}
	return found, nil
}

// below are the kinds that can stand between a target and its pods.
func below(target schema.GroupKind) []schema.GroupVersionKind {
	switch {
	case target == schema.GroupKind{Group: appsv1.GroupName, Kind: "Deployment"}:
		return []schema.GroupVersionKind{replicaSetKind()}
	case spread.IsKnown(target):
		return nil
	default:
		return cachedKinds()
	}
}
