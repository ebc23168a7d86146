package portability

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

// The kind of an Inventory, in the file that `spillway inventory` prints. The version
// changes when a field changes its meaning; fields may be added.
const (
	APIVersion = "spillway.io/v1"
	Kind       = "DownstreamInventory"
)

// Resource names a part of an Inventory, as the API names its objects.
type Resource string

// The parts of an Inventory.
const (
	PriorityClasses Resource = "priorityclasses"
	StorageClasses  Resource = "storageclasses"
	RuntimeClasses  Resource = "runtimeclasses"
	CSIDrivers      Resource = "csidrivers"
	Namespaces      Resource = "namespaces"
	ServiceAccounts Resource = "serviceaccounts"
	Nodes           Resource = "nodes"
)

// Inventory is what a downstream cluster has that pods depend on. The zero value
// knows nothing. All lists are sorted by name.
type Inventory struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// TakenAt is when the cluster was asked.
	TakenAt metav1.Time `json:"takenAt"`
	// ServerVersion is that of the API server, as in v1.37.0.
	ServerVersion string `json:"serverVersion"`
	// Unread are the parts that could not be read. Nothing is said about them.
	Unread []Unread `json:"unread,omitempty"`

	PriorityClasses []string       `json:"priorityClasses,omitempty"`
	StorageClasses  []StorageClass `json:"storageClasses,omitempty"`
	RuntimeClasses  []string       `json:"runtimeClasses,omitempty"`
	CSIDrivers      []CSIDriver    `json:"csiDrivers,omitempty"`
	Namespaces      []Namespace    `json:"namespaces,omitempty"`
	Nodes           []Node         `json:"nodes,omitempty"`
}

// Unread is a part of an Inventory that could not be read, and why.
type Unread struct {
	Resource Resource `json:"resource"`
	Reason   string   `json:"reason"`
}

// StorageClass is a class that claims can ask for.
type StorageClass struct {
	Name        string `json:"name"`
	Provisioner string `json:"provisioner,omitempty"`
	// Default says that claims without a class get this one.
	Default bool `json:"default,omitempty"`
}

// CSIDriver is a driver that nodes can mount volumes with.
type CSIDriver struct {
	Name string `json:"name"`
	// Inline says that pods may ask for its volumes without a claim.
	Inline bool `json:"inline,omitempty"`
}

// Namespace is a namespace as far as it decides about pods.
type Namespace struct {
	Name string `json:"name"`
	// PodSecurity are its labels pod-security.kubernetes.io/enforce and
	// enforce-version, by the last part of their keys.
	PodSecurity map[string]string `json:"podSecurity,omitempty"`
	// ServiceAccounts are their names.
	ServiceAccounts []string `json:"serviceAccounts,omitempty"`
}

// Node is a node as far as schedulers look at it.
type Node struct {
	Name          string              `json:"name"`
	Labels        map[string]string   `json:"labels,omitempty"`
	Taints        []corev1.Taint      `json:"taints,omitempty"`
	Unschedulable bool                `json:"unschedulable,omitempty"`
	Allocatable   corev1.ResourceList `json:"allocatable,omitempty"`
}

// Has says whether a part was read.
func (i Inventory) Has(part Resource) bool {
	return i.Kind != "" && !slices.ContainsFunc(i.Unread, func(u Unread) bool { return u.Resource == part })
}

// storageClass says whether there is a class of the name; of the empty name, whether
// there is a default.
func (i Inventory) storageClass(name string) bool {
	return slices.ContainsFunc(i.StorageClasses, func(c StorageClass) bool { return c.Name == name || name == "" && c.Default })
}

func (i Inventory) namespace(name string) (Namespace, bool) {
	for _, n := range i.Namespaces {
		if n.Name == name {
			return n, true
		}
	}
	return Namespace{}, false
}

// holders is how many nodes may have the directory of a volume, counted as package
// storage does: without virtual nodes and control planes.
func (i Inventory) holders() (count int) {
	for _, n := range i.Nodes {
		controls := slices.ContainsFunc(n.Taints, func(t corev1.Taint) bool { return strings.HasPrefix(t.Key, "node-role.kubernetes.io/") })
		if n.Labels[api.NodeTypeLabel] != api.NodeTypeVirtual && !controls {
			count++
		}
	}
	return count
}

// machines are the nodes that may take pods some day: all but virtual ones, as if
// they were ready and not cordoned.
func (i Inventory) machines() []corev1.Node {
	var all []corev1.Node
	for _, n := range i.Nodes {
		if n.Labels[api.NodeTypeLabel] == api.NodeTypeVirtual {
			continue
		}
		node := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: n.Name, Labels: n.Labels}}
		node.Spec.Taints = slices.DeleteFunc(slices.Clone(n.Taints), passes)
		node.Status.Allocatable = n.Allocatable
		node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
		all = append(all, node)
	}
	return all
}
