package node

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// amounts are quantities in thousandths, by resource name.
type amounts map[corev1.ResourceName]int64

func (a amounts) list() corev1.ResourceList {
	list := corev1.ResourceList{}
	for name, milli := range a {
		list[name] = *resource.NewMilliQuantity(milli, resource.DecimalSI)
	}
	return list
}

// machine is a downstream node as the tests think of it.
type machine struct {
	name, arch, zone  string
	ready             corev1.ConditionStatus
	cordoned, leaving bool
	taints            map[string]corev1.TaintEffect
	has               amounts
	beats             int
}

func (m machine) object() *corev1.Node {
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: m.name, Labels: map[string]string{"kubernetes.io/os": "linux", "kubernetes.io/arch": m.arch}},
		Spec:       corev1.NodeSpec{Unschedulable: m.cordoned},
		Status: corev1.NodeStatus{
			Allocatable: m.has.list(),
			Conditions:  []corev1.NodeCondition{{Type: corev1.NodeReady, Status: m.ready, Message: fmt.Sprint("beat ", m.beats)}},
		},
	}
	if m.zone != "" {
		node.Labels["topology.kubernetes.io/zone"] = m.zone
	}
	if m.leaving {
		node.DeletionTimestamp = new(metav1.Unix(1, 0))
	}
	for _, key := range slices.Sorted(maps.Keys(m.taints)) {
		node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: key, Effect: m.taints[key]})
	}
	return node
}

// program is a downstream pod as the tests think of it.
type program struct {
	name, node string
	own        bool
	phase      corev1.PodPhase
	// asks is what its spec requests; granted what its node gave it when it was
	// last resized, nil if it never was.
	asks, granted amounts
	// infeasible: the node will never grant what it asks for.
	infeasible, leaving bool
	beats               int
}

func (p program) object() *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: p.name},
		Spec: corev1.PodSpec{
			NodeName:   p.node,
			Containers: []corev1.Container{{Name: "c", Resources: corev1.ResourceRequirements{Requests: p.asks.list()}}},
		},
		Status: corev1.PodStatus{Phase: p.phase, Message: fmt.Sprint("beat ", p.beats)},
	}
	if p.own {
		pod.Labels = map[string]string{"own": "yes"}
	}
	if p.leaving {
		pod.DeletionTimestamp = new(metav1.Unix(1, 0))
	}
	if p.granted != nil {
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
			Name: "c", AllocatedResources: p.granted.list(), Resources: &corev1.ResourceRequirements{Requests: p.granted.list()},
		}}
	}
	if p.infeasible {
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodResizePending, Reason: corev1.PodReasonInfeasible}}
	}
	return pod
}

func isOwn(pod *corev1.Pod) bool { return pod.Labels["own"] == "yes" }

// downstream is a cache that the tests fill by events, as an informer would: the
// store first, then the handlers.
type downstream struct {
	cache.Cache // nothing else is used

	nodes, pods watched
}

type watched struct {
	cache.Informer // nothing else is used

	mu       sync.Mutex
	objects  map[string]client.Object
	handlers []toolscache.ResourceEventHandler
}

func newDownstream() *downstream {
	return &downstream{nodes: watched{objects: map[string]client.Object{}}, pods: watched{objects: map[string]client.Object{}}}
}

func (*downstream) WaitForCacheSync(context.Context) bool { return true }

func (d *downstream) GetInformer(_ context.Context, object client.Object, _ ...cache.InformerGetOption) (cache.Informer, error) {
	if _, isNode := object.(*corev1.Node); isNode {
		return &d.nodes, nil
	}
	return &d.pods, nil
}

func (d *downstream) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	switch list := list.(type) {
	case *corev1.NodeList:
		d.nodes.each(func(object client.Object) { list.Items = append(list.Items, *object.(*corev1.Node)) })
	case *corev1.PodList:
		d.pods.each(func(object client.Object) { list.Items = append(list.Items, *object.(*corev1.Pod)) })
	}
	return nil
}

func (w *watched) AddEventHandler(handler toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	w.handlers = append(w.handlers, handler)
	return nil, nil //nolint:nilnil // Nobody asks for the registration.
}

func (w *watched) each(visit func(client.Object)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, object := range w.objects {
		visit(object)
	}
}

// put is an Add or an Update event.
func (w *watched) put(object client.Object) {
	w.mu.Lock()
	before, known := w.objects[object.GetName()]
	w.objects[object.GetName()] = object
	w.mu.Unlock()
	for _, handler := range w.handlers {
		if known {
			handler.OnUpdate(before, object)
		} else {
			handler.OnAdd(object, false)
		}
	}
}

// remove is a Delete event, or what an informer makes of one that it missed.
func (w *watched) remove(name string, missed bool) {
	w.mu.Lock()
	var last any = w.objects[name]
	delete(w.objects, name)
	w.mu.Unlock()
	if missed {
		last = toolscache.DeletedFinalStateUnknown{Key: name, Obj: last}
	}
	for _, handler := range w.handlers {
		handler.OnDelete(last)
	}
}
