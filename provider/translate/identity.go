package translate

import (
	corev1 "k8s.io/api/core/v1"
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

// Owns says whether a downstream pod carries all ownership marks of this
// virtual node. Nothing else may ever be updated, adopted or deleted.
func (id Identity) Owns(downstream *corev1.Pod) bool {
	return downstream.Labels[api.UpstreamLabel] == id.UpstreamID &&
		downstream.Labels[api.VirtualNodeLabel] == id.Node.Name &&
		downstream.Annotations[api.UpstreamUIDAnnotation] != ""
}

// StandsFor says whether a downstream pod is owned and was created for exactly
// this upstream pod, not for a predecessor of the same name.
func (id Identity) StandsFor(downstream, upstream *corev1.Pod) bool {
	return id.Owns(downstream) && downstream.Annotations[api.UpstreamUIDAnnotation] == string(upstream.UID)
}
