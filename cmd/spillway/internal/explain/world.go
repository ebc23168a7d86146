package explain

import (
	"cmp"
	"slices"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/webhook/catalog"
	"github.com/spillway-io/spillway/webhook/mutate"
	"github.com/spillway-io/spillway/webhook/sidecar"
	"github.com/spillway-io/spillway/webhook/spread"
	"github.com/spillway-io/spillway/webhook/stash"
)

// world is Facts made ready for what judges them.
type world struct {
	Facts
	policy     mutate.Policy
	namespace  mutate.Namespace
	sets       []*sidecar.Set
	candidates []*v1alpha1.WorkloadSpread
	// owners are those of the pod, or of the workload's pods, the nearest first.
	owners []spread.Owner
}

func newWorld(f Facts) world {
	w := world{
		Facts:     f,
		policy:    mutate.Policy{RoutingKeys: stash.RoutingKeys(f.RoutingKeys), OwnNamespace: f.OwnNamespace},
		namespace: mutate.Namespace{Name: f.Asked.Namespace},
	}
	if f.Namespace != nil {
		w.namespace.Labels, w.namespace.Annotations = f.Namespace.Labels, f.Namespace.Annotations
	}
	revisions := make([]*appsv1.ControllerRevision, len(f.Revisions))
	for i := range f.Revisions {
		revisions[i] = &f.Revisions[i]
	}
	for i := range f.SidecarSets {
		w.sets = append(w.sets, compile(f, i, revisions))
	}
	slices.SortFunc(w.sets, func(a, b *sidecar.Set) int { return strings.Compare(a.Name(), b.Name()) })
	for i := range f.Spreads {
		if ws := &f.Spreads[i]; ws.DeletionTimestamp == nil && ws.Spec.TargetReference != nil {
			w.candidates = append(w.candidates, ws)
		}
	}
	slices.SortFunc(w.candidates, func(a, b *v1alpha1.WorkloadSpread) int { return cmp.Compare(a.Name, b.Name) })
	w.owners = ownersOf(f)
	return w
}

func compile(f Facts, i int, revisions []*appsv1.ControllerRevision) *sidecar.Set {
	set, unknown, err := catalog.Decode(&f.SidecarSets[i])
	if err != nil {
		unreadable := &v1alpha1.SidecarSet{}
		unreadable.Name = f.SidecarSets[i].GetName()
		return sidecar.Unreadable(unreadable, err)
	}
	return sidecar.Compile(set, unknown).WithPinned(revisions)
}

// ownersOf are the owners that are there, and the nearest also if it is not.
func ownersOf(f Facts) []spread.Owner {
	var owners []spread.Owner
	if f.Pod != nil {
		if owner, controlled := spread.ControllerOf(f.Pod); controlled {
			owners = append(owners, owner)
		}
	}
	for i := range f.Owners {
		o := &f.Owners[i]
		owner := spread.Owner{GroupKind: o.GroupVersionKind().GroupKind(), Name: o.GetName(), UID: o.GetUID()}
		if !slices.ContainsFunc(owners, func(had spread.Owner) bool { return had.UID == owner.UID }) {
			owners = append(owners, owner)
		}
	}
	if f.Asked.Kind == "Deployment" && len(f.Owners) > 0 {
		if set := latest(&f.Owners[0], f.ReplicaSets); set != nil {
			owners = slices.Insert(owners, 0, spread.Owner{GroupKind: schema.GroupKind{Group: appsv1.GroupName, Kind: "ReplicaSet"}, Name: set.Name, UID: set.UID})
		}
	}
	return owners
}

// spreadOf returns the WorkloadSpread that targets pods of these labels: that of the
// nearest owner which has one.
func (w world) spreadOf(labels map[string]string) (*v1alpha1.WorkloadSpread, error) {
	for _, owner := range w.owners {
		if ws, err := spread.Targeting(w.candidates, owner, labels); ws != nil {
			return ws, err
		}
	}
	return nil, nil
}

// ledger is what is known of the slots of a WorkloadSpread.
func (w world) ledger(ws *v1alpha1.WorkloadSpread) spread.Ledger {
	l := spread.Ledger{Spread: ws, Live: true, Now: w.Now, Pods: w.podsOf(ws), Wanted: w.wanted(ws)}
	for i := range w.Owners {
		o := &w.Owners[i]
		if spread.Targets(ws, spread.Owner{GroupKind: o.GroupVersionKind().GroupKind(), Name: o.GetName()}) {
			l.Target = spread.TargetOf(ws, o)
			break
		}
	}
	nodes := make([]*corev1.Node, len(w.Nodes))
	for i := range w.Nodes {
		nodes[i] = &corev1.Node{ObjectMeta: w.Nodes[i].ObjectMeta}
		if node, virtual := w.virtualNode(w.Nodes[i].Name); virtual {
			nodes[i] = node // of others nobody asks whether they are cordoned
		}
	}
	l.Virtual, l.Warnings = spread.VirtualSubsets(ws, nodes)
	l.Cordoned = spread.CordonedSubsets(ws, l.Virtual, nodes)
	return l
}

// wanted is how many pods the controllers want, by version: slots that are held for
// more than those hold nothing.
func (w world) wanted(ws *v1alpha1.WorkloadSpread) map[string]int {
	wanted := map[string]int{}
	for i := range w.ReplicaSets {
		set := &w.ReplicaSets[i]
		hash := set.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
		if owner, controlled := spread.ControllerOf(set); controlled && spread.Targets(ws, owner) && hash != "" && set.Spec.Replicas != nil {
			wanted[hash] = int(*set.Spec.Replicas)
		}
	}
	for i := range w.Owners {
		owner := spread.Owner{GroupKind: w.Owners[i].GroupVersionKind().GroupKind(), Name: w.Owners[i].GetName()}
		if n, _, known := spread.WantedOf(&w.Owners[i]); known && spread.Targets(ws, owner) {
			wanted[spread.VersionIgnored] = n
		}
	}
	return wanted
}

// podsOf are the pods that a WorkloadSpread counts: opted in, selected, and its
// target's, directly or through ReplicaSets.
func (w world) podsOf(ws *v1alpha1.WorkloadSpread) []*corev1.Pod {
	below := map[types.UID]bool{}
	for i := range w.ReplicaSets {
		if owner, controlled := spread.ControllerOf(&w.ReplicaSets[i]); controlled && spread.Targets(ws, owner) {
			below[w.ReplicaSets[i].UID] = true
		}
	}
	var pods []*corev1.Pod
	for i := range w.Pods {
		pod := &w.Pods[i]
		owner, controlled := spread.ControllerOf(pod)
		if !controlled || !below[owner.UID] && !spread.Targets(ws, owner) || !isOptedIn(pod) {
			continue
		}
		if selects, err := spread.Selects(ws, pod.Labels); err == nil && selects {
			pods = append(pods, pod)
		}
	}
	return pods
}

// virtualNode returns the virtual node of a name.
func (w world) virtualNode(name string) (*corev1.Node, bool) {
	for i := range w.VirtualNodes {
		if w.VirtualNodes[i].Name == name {
			return &w.VirtualNodes[i], true
		}
	}
	return nil, false
}

// isVirtual says whether a node is a virtual one.
func (w world) isVirtual(name string) bool {
	_, virtual := w.virtualNode(name)
	return virtual
}
