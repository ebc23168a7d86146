package workloadspread

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/webhook/spread"
)

// gather reads what there is to know of a WorkloadSpread, all from caches.
func (r *reconciler) gather(ctx context.Context, ws *v1alpha1.WorkloadSpread, m *memory, now time.Time) (spread.View, error) {
	target, _, err := r.workloads.Target(ctx, ws)
	if err != nil {
		return spread.View{}, fmt.Errorf("cannot read the target: %w", err)
	}
	pods, err := r.workloads.Pods(ctx, ws)
	if err != nil {
		return spread.View{}, fmt.Errorf("cannot read the pods of the target: %w", err)
	}
	m.see(pods, now)
	pods, err = r.ours(ctx, ws, pods, m)
	if err != nil {
		return spread.View{}, err
	}
	v := spread.View{
		Spread: ws, Target: target, Pods: pods,
		Closings: m.closings, Ungated: m.gated, Backoff: r.backoff, Now: now,
	}
	if v.Nodes, err = r.nodes(ctx, v); err != nil {
		return v, err
	}
	v.Cordoned, err = r.cordoned(ctx, ws)
	return v, err
}

// ours leaves out the pods for which another WorkloadSpread that exists has
// chosen a subset, as happens when one targets a Deployment and one its
// ReplicaSet, and those that we deleted already.
func (r *reconciler) ours(ctx context.Context, ws *v1alpha1.WorkloadSpread, pods []*corev1.Pod, m *memory) ([]*corev1.Pod, error) {
	var all v1alpha1.WorkloadSpreadList
	if err := r.client.List(ctx, &all, client.InNamespace(ws.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("cannot list WorkloadSpreads: %w", err)
	}
	others := make(map[string]bool, len(all.Items))
	for i := range all.Items {
		others[all.Items[i].Name] = all.Items[i].Name != ws.Name
	}
	return slices.DeleteFunc(slices.Clone(pods), func(pod *corev1.Pod) bool {
		match, ok := spread.MatchOf(pod)
		return ok && others[match.Name] || m.deleted[pod.UID]
	}), nil
}

// nodes returns the nodes that a judgement depends on: those of orphans, and of
// all pods while a subset is being probed or where pods return to earlier subsets.
func (r *reconciler) nodes(ctx context.Context, v spread.View) (map[string]*corev1.Node, error) {
	probing := slices.ContainsFunc(v.Spread.Spec.Subsets, func(s v1alpha1.WorkloadSpreadSubset) bool {
		c := spread.SchedulableOf(v.Spread, s.Name)
		return c != nil && c.Status == corev1.ConditionUnknown
	})
	after, err := spread.ReturnAfter(v.Spread)
	everyone := probing || err == nil && after > 0
	nodes := map[string]*corev1.Node{}
	for _, pod := range v.Pods {
		name := pod.Spec.NodeName
		if _, known := nodes[name]; known || name == "" || !everyone && !v.Orphan(pod) {
			continue
		}
		node := &corev1.Node{}
		err := r.client.Get(ctx, client.ObjectKey{Name: name}, node)
		if client.IgnoreNotFound(err) != nil {
			return nil, fmt.Errorf("cannot read the node of a pod: %w", err)
		}
		if !apierrors.IsNotFound(err) {
			nodes[name] = node
		}
	}
	return nodes, nil
}
