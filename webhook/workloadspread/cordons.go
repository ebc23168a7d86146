package workloadspread

import (
	"context"
	"fmt"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/spread"
)

// cordoned are the subsets that pods pass over. It matters only where pods are moved
// from one subset to another.
func (r *reconciler) cordoned(ctx context.Context, ws *v1alpha1.WorkloadSpread) (map[string]bool, error) {
	_, moves := spread.PatienceOf(ws)
	after, err := spread.ReturnAfter(ws)
	if !moves && (err != nil || after == 0) {
		return nil, nil //nolint:nilerr // An annotation that cannot be read is complained of where pods would return.
	}
	var list corev1.NodeList
	if err := r.client.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("cannot list nodes: %w", err)
	}
	nodes := make([]*corev1.Node, 0, len(list.Items))
	found := false
	for i := range list.Items {
		nodes = append(nodes, &list.Items[i])
		found = found || list.Items[i].Spec.Unschedulable
	}
	if !found {
		return nil, nil
	}
	virtual, _ := spread.VirtualSubsets(ws, nodes)
	return spread.CordonedSubsets(ws, virtual, nodes), nil
}

// nodeChanges lets through that a virtual node was cordoned or uncordoned, or came or
// went while it was: subsets have room then that had none, or the other way round. And
// that one was lost or is back, since some pods do not return from it meanwhile.
func nodeChanges() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return isCordoned(e.Object) },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return isCordoned(e.ObjectOld) != isCordoned(e.ObjectNew) || isLost(e.ObjectOld) != isLost(e.ObjectNew)
		},
		DeleteFunc: func(e event.DeleteEvent) bool { return isCordoned(e.Object) },
	}
}

func isCordoned(object client.Object) bool {
	node, isVirtual := virtual(object)
	return isVirtual && node.Spec.Unschedulable
}

func isLost(object client.Object) bool {
	node, isVirtual := virtual(object)
	return isVirtual && spread.IsLost(node)
}

func virtual(object client.Object) (node *corev1.Node, isVirtual bool) {
	node, isNode := object.(*corev1.Node)
	return node, isNode && node.Labels[api.NodeTypeLabel] == api.NodeTypeVirtual
}
