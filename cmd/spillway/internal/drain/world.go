package drain

import (
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/webhook/spread"
)

// World is what is known at one time of the pods that are to leave a node. Nothing in
// it is modified.
type World struct {
	// Node is the name of the node.
	Node string
	// HomeOnly has only those pods leave that come to own machines.
	HomeOnly bool
	// Nodes are all of the cluster.
	Nodes []*corev1.Node
	// Pods are those of the node, and those that wait for it.
	Pods []*corev1.Pod
	// Peers are the opted-in pods of the namespaces that Pods are in.
	Peers []*corev1.Pod
	// Spreadings has the WorkloadSpread that targets each pod that has one.
	Spreadings map[types.UID]*Spreading
	// Staying are the namespaces whose pods stay where they are; see
	// api.OnNodeLossAnnotation.
	Staying map[string]bool
	// Volumes are those that pods are tied to.
	Volumes map[types.UID][]*corev1.PersistentVolume
}

// Spreading is a WorkloadSpread, and what its subsets are counted by.
type Spreading struct {
	Object *v1alpha1.WorkloadSpread
	Target spread.Target
	Pods   []*corev1.Pod
	// Err is why nothing is known but the error.
	Err error
}

// cordoned are the nodes as they are once Node is cordoned.
func (w World) cordoned() []*corev1.Node {
	nodes := make([]*corev1.Node, len(w.Nodes))
	for i, node := range w.Nodes {
		if nodes[i] = node; node.Name == w.Node {
			nodes[i] = node.DeepCopy()
			nodes[i].Spec.Unschedulable = true
		}
	}
	return nodes
}
