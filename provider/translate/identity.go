package translate

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/stash"
)

// Identity says for whom downstream objects are created.
type Identity struct {
	// UpstreamID is the UID of the upstream cluster's kube-system namespace.
	UpstreamID string
	// Node is the virtual node that runs the pods.
	Node stash.VirtualNode
	// Namespaces says where in the downstream cluster its objects are.
	Namespaces Namespaces
}

// Mark puts the ownership marks on a downstream object that is about to be
// created. upstream is the UID of the upstream object that it stands for.
func (id Identity) Mark(object *metav1.ObjectMeta, upstream types.UID) {
	if object.Labels == nil {
		object.Labels = make(map[string]string, 2)
	}
	object.Labels[api.UpstreamLabel] = id.UpstreamID
	object.Labels[api.VirtualNodeLabel] = id.Node.Name
	if object.Annotations == nil {
		object.Annotations = make(map[string]string, 1)
	}
	object.Annotations[api.UpstreamUIDAnnotation] = string(upstream)
}

// Owns says whether a downstream object carries all ownership marks of this
// virtual node. Nothing else may ever be updated, adopted or deleted.
func (id Identity) Owns(downstream metav1.Object) bool {
	labels := downstream.GetLabels()
	return labels[api.UpstreamLabel] == id.UpstreamID &&
		labels[api.VirtualNodeLabel] == id.Node.Name &&
		downstream.GetAnnotations()[api.UpstreamUIDAnnotation] != ""
}

// StandsFor says whether a downstream object is owned and was created for exactly
// this upstream object, not for a predecessor of the same name.
func (id Identity) StandsFor(downstream, upstream metav1.Object) bool {
	return id.Owns(downstream) && downstream.GetAnnotations()[api.UpstreamUIDAnnotation] == string(upstream.GetUID())
}

// DescribeForeign tells the owner of an upstream object that a downstream object
// of that kind and name is not ours, whose it is, and, for one that nobody marked,
// the remedy, a sentence without a full stop.
func (id Identity) DescribeForeign(kind string, foreign metav1.Object, remedy string) string {
	name := foreign.GetName()
	if foreign.GetNamespace() != "" {
		name = foreign.GetNamespace() + "/" + name
	}
	cluster, node := foreign.GetLabels()[api.UpstreamLabel], foreign.GetLabels()[api.VirtualNodeLabel]
	object := fmt.Sprintf("Downstream %s %q already exists", kind, name)
	switch {
	case cluster == "" && node == "":
		return object + " and was not created by Spillway; it is left alone. " + remedy
	case cluster == id.UpstreamID && node != id.Node.Name:
		return fmt.Sprintf("%s and belongs to virtual node %q; it is left alone", object, node)
	default:
		return fmt.Sprintf("%s and belongs to upstream cluster %q, virtual node %q; it is left alone", object, cluster, node)
	}
}
