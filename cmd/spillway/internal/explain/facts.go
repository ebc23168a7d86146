package explain

import (
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Facts are what was found in the clusters at one time. Whatever is missing was not
// there, or stands under Unknown.
type Facts struct {
	Now   time.Time `json:"now"`
	Asked Asked     `json:"asked"`
	// RoutingKeys and OwnNamespace are the installation's, see mutate.Policy.
	RoutingKeys  []string `json:"routingKeys"`
	OwnNamespace string   `json:"ownNamespace"`
	// UpstreamID is the UID of the upstream cluster's kube-system namespace.
	UpstreamID string `json:"upstreamID"`

	// Pod is the pod that was asked for; nil if there is none.
	Pod *corev1.Pod `json:"pod,omitempty"`
	// Owners are the workloads above it, the nearest first. Where a workload was asked
	// for, it is the first.
	Owners []unstructured.Unstructured `json:"owners,omitempty"`
	// Namespace is nil if it could not be read.
	Namespace *corev1.Namespace `json:"namespace,omitempty"`
	// Spreads, ReplicaSets and Pods are those of the namespace, of the pods as many as
	// matter: those that opted in, or those of the workload.
	Spreads     []v1alpha1.WorkloadSpread `json:"spreads,omitempty"`
	ReplicaSets []appsv1.ReplicaSet       `json:"replicaSets,omitempty"`
	Pods        []corev1.Pod              `json:"pods,omitempty"`
	// SidecarSets and Revisions are those of the cluster.
	SidecarSets []unstructured.Unstructured `json:"sidecarSets,omitempty"`
	Revisions   []appsv1.ControllerRevision `json:"revisions,omitempty"`
	// Nodes are all nodes, by name and labels; VirtualNodes those of them that are
	// virtual.
	Nodes        []metav1.PartialObjectMetadata `json:"nodes,omitempty"`
	VirtualNodes []corev1.Node                  `json:"virtualNodes,omitempty"`
	// Claims are those of the pod.
	Claims []corev1.PersistentVolumeClaim `json:"claims,omitempty"`
	// Events are about the pod and its owners.
	Events []corev1.Event `json:"events,omitempty"`
	// Below is what was found in the downstream cluster; nil if nobody looked.
	Below *Below `json:"below,omitempty"`
	// Unknown is what could not be read.
	Unknown []Unknown `json:"unknown,omitempty"`
}

// Asked is what was asked for.
type Asked struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// Below is what was found downstream.
type Below struct {
	// Source is where the kubeconfig was found.
	Source string `json:"source"`
	// Pod is the downstream pod; nil if there is none.
	Pod *corev1.Pod `json:"pod,omitempty"`
	// Claims are those of its namespace that it uses.
	Claims []corev1.PersistentVolumeClaim `json:"claims,omitempty"`
	// StorageClasses are the names of all there are; nil if they are not known.
	StorageClasses []string `json:"storageClasses"`
	// Events are about the pod and its claims.
	Events []corev1.Event `json:"events,omitempty"`
}

// Unknown is something that could not be read, and why.
type Unknown struct {
	What string `json:"what"`
	Why  string `json:"why"`
}
