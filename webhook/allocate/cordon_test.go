package allocate_test

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/webhook/spread"
)

// news are the handlers of what a cache would see.
type news struct {
	cache.Cache
	cache.Informer

	handlers []toolscache.ResourceEventHandler
}

func (n *news) GetInformer(context.Context, client.Object, ...cache.InformerGetOption) (cache.Informer, error) {
	return n, nil
}

func (n *news) AddEventHandler(handler toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	n.handlers = append(n.handlers, handler)
	return nil, nil
}

// TestCordonIsHeardOf: what is remembered of nodes does not outlive a cordon.
func TestCordonIsHeardOf(t *testing.T) {
	on := func(cluster string) *corev1.NodeSelectorTerm {
		return &corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "clusterID", Operator: corev1.NodeSelectorOpIn, Values: []string{cluster}}}}
	}
	east := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "east", Labels: map[string]string{"type": "virtual-kubelet", "clusterID": "east"}}}
	api := newServer(0)
	api.nodes = []*corev1.Node{east}
	api.ws.Spec.Subsets[0].MaxReplicas, api.ws.Spec.Subsets[0].RequiredNodeSelectorTerm = nil, on("east")
	a, n := newAllocator(t, api), &news{}
	if err := a.Watch(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	asked := 0
	chooses := func(subset string, reason spread.Reason) {
		t.Helper()
		asked++
		d := a.Decide(t.Context(), "default", newPod(), types.UID(fmt.Sprint(asked)), false)
		if d.Subset == nil || d.Subset.Name != subset || d.Reason != reason {
			t.Errorf("got %+v, want %s because of %s", d, subset, reason)
		}
	}
	cordons := func(unschedulable bool) {
		before := api.nodes[0]
		after := before.DeepCopy()
		after.Spec.Unschedulable = unschedulable
		api.nodes = []*corev1.Node{after}
		for _, handler := range n.handlers {
			handler.OnUpdate(before, after)
		}
	}
	chooses("a", spread.First)
	cordons(true)
	chooses("b", spread.Spilled)
	api.ws.Generation++
	api.ws.Spec.Subsets = api.ws.Spec.Subsets[:1]
	chooses("a", spread.Cordoned)
	cordons(false)
	chooses("a", spread.First)
}
