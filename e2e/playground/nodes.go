package playground

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// fakeNodeAnnotation with fakeNodeValue is on the nodes that kwok may touch; it
// leaves every other node, and the pods on it, alone.
const (
	fakeNodeAnnotation = "kwok.x-k8s.io/node"
	fakeNodeValue      = "fake"
)

// NodeOption changes a node that is being described.
type NodeOption func(*corev1.Node)

// FakeNode describes a node whose kubelet is played by kwok, with 32 CPUs,
// 64 GiB of memory and room for 110 pods unless an option says otherwise.
func FakeNode(name string, options ...NodeOption) *corev1.Node {
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Annotations: map[string]string{fakeNodeAnnotation: fakeNodeValue},
			Labels: map[string]string{
				corev1.LabelHostname:   name,
				corev1.LabelOSStable:   "linux",
				corev1.LabelArchStable: "amd64",
			},
		},
	}
	Capacity("32", "64Gi", "110")(node)
	for _, option := range options {
		option(node)
	}
	return node
}

// Label adds a label.
func Label(key, value string) NodeOption {
	return func(node *corev1.Node) { node.Labels[key] = value }
}

// Zone puts the node into a zone.
func Zone(zone string) NodeOption {
	return Label(corev1.LabelTopologyZone, zone)
}

// Taint adds a taint.
func Taint(key, value string, effect corev1.TaintEffect) NodeOption {
	return func(node *corev1.Node) {
		node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: key, Value: value, Effect: effect})
	}
}

// Capacity sets what the node has, all of it allocatable. The quantities are
// written as in YAML; one that does not parse panics, as it is a mistake in the
// program.
func Capacity(cpu, memory, pods string) NodeOption {
	resources := corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse(cpu),
		corev1.ResourceMemory: resource.MustParse(memory),
		corev1.ResourcePods:   resource.MustParse(pods),
	}
	return func(node *corev1.Node) {
		node.Status.Capacity = resources.DeepCopy()
		node.Status.Allocatable = resources.DeepCopy()
	}
}

// CreateNodes creates nodes beside those of the options; one that exists is
// left as it is. It does not wait until they are Ready.
func (c *Cluster) CreateNodes(ctx context.Context, nodes ...*corev1.Node) error {
	for _, node := range nodes {
		_, err := c.client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("cannot create node %s: %w", node.Name, err)
		}
	}
	return nil
}
