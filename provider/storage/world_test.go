package storage

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

// east is the virtual node of these tests.
func east() translate.Rules {
	return translate.Rules{
		Identity: translate.Identity{
			UpstreamID: "cluster",
			Node:       stash.VirtualNode{Name: "east", Labels: map[string]string{corev1.LabelHostname: "east"}},
			Namespaces: translate.Namespaces{Prefix: "up-"},
		},
		StorageClasses: map[string]string{"mapped": "fast"},
	}
}

// The claim of these tests is shop/data upstream and up-shop/data downstream.
func key() types.NamespacedName { return types.NamespacedName{Namespace: "shop", Name: "data"} }

func storage(size string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}
}

type claimOption func(*corev1.PersistentVolumeClaim)

// claim is an upstream claim of the class "virtual", without a volume.
func claim(options ...claimOption) *corev1.PersistentVolumeClaim {
	c := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "data", UID: "1", Labels: map[string]string{"app": "shop"}},
		Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: new("virtual"), AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{Requests: storage("1Gi")},
		},
		Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending},
	}
	for _, option := range options {
		option(c)
	}
	return c
}

func selected(node string) claimOption {
	return func(c *corev1.PersistentVolumeClaim) {
		c.Annotations = map[string]string{"volume.kubernetes.io/selected-node": node}
	}
}

func boundTo(volume string) claimOption {
	return func(c *corev1.PersistentVolumeClaim) {
		c.Spec.VolumeName = volume
		c.Status.Phase, c.Status.Capacity = corev1.ClaimBound, storage("1Gi")
	}
}

func uid(uid types.UID) claimOption {
	return func(c *corev1.PersistentVolumeClaim) { c.UID = uid }
}

func size(size string) claimOption {
	return func(c *corev1.PersistentVolumeClaim) { c.Spec.Resources.Requests = storage(size) }
}

func ofPod(c *corev1.PersistentVolumeClaim) {
	c.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: "web", UID: "pod", Controller: new(true)}}
}

// class is "virtual", as it has to be.
func class(options ...func(*storagev1.StorageClass)) *storagev1.StorageClass {
	c := &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{Name: "virtual"}, Provisioner: api.Provisioner,
		VolumeBindingMode: new(storagev1.VolumeBindingWaitForFirstConsumer), ReclaimPolicy: new(corev1.PersistentVolumeReclaimRetain),
	}
	for _, option := range options {
		option(c)
	}
	return c
}

// held is the downstream claim for claim(), or for another with these options.
func held(options ...claimOption) *corev1.PersistentVolumeClaim {
	return downstreamClaim(claim(options...), nil, "", east())
}

// heldBy is the same, bound to the copy of a volume.
func heldBy(volume string) *corev1.PersistentVolumeClaim {
	return downstreamClaim(claim(), nil, copyName(volume, east()), east())
}

func alien() *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "up-shop", Name: "data"}}
}

// made is the upstream volume that was provisioned for claim().
func made(options ...func(*corev1.PersistentVolume)) corev1.PersistentVolume {
	v := provisioned(claim(), class(), east())
	for _, option := range options {
		option(v)
	}
	return *v
}

// given is an upstream volume that somebody made for claim(), in a
// directory of the virtual node or wherever an option says.
func given(options ...func(*corev1.PersistentVolume)) corev1.PersistentVolume {
	v := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: "disk", UID: "disk-1"},
		Spec: corev1.PersistentVolumeSpec{
			Capacity: storage("100Gi"), StorageClassName: "manual",
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimDelete,
			PersistentVolumeSource:        corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: "/data"}},
			ClaimRef:                      &corev1.ObjectReference{Namespace: "shop", Name: "data", UID: "1"},
			NodeAffinity:                  onHost("east"),
		},
	}
	for _, option := range options {
		option(v)
	}
	return *v
}

func from(source corev1.PersistentVolumeSource) func(*corev1.PersistentVolume) {
	return func(v *corev1.PersistentVolume) { v.Spec.PersistentVolumeSource = source }
}

func on(host string) func(*corev1.PersistentVolume) {
	return func(v *corev1.PersistentVolume) { v.Spec.NodeAffinity = onHost(host) }
}

func phase(phase corev1.PersistentVolumePhase) func(*corev1.PersistentVolume) {
	return func(v *corev1.PersistentVolume) { v.Status.Phase = phase }
}

func deleted(v *corev1.PersistentVolume) {
	v.Spec.PersistentVolumeReclaimPolicy = corev1.PersistentVolumeReclaimDelete
}

// copied is the downstream copy of given(), or of another with these options.
func copied(options ...func(*corev1.PersistentVolume)) *corev1.PersistentVolume {
	v := given(options...)
	return carried(&v, below(key(), east()), "metal", east())
}

func nodes(names ...string) []corev1.Node {
	var nodes []corev1.Node
	for _, name := range names {
		node := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name + ".example"}}}
		if strings.HasPrefix(name, "control") {
			node.Spec.Taints = []corev1.Taint{{Key: "node-role.kubernetes.io/control-plane", Effect: corev1.TaintEffectNoSchedule}}
		}
		nodes = append(nodes, node)
	}
	return nodes
}

// plan is an Action in short.
type plan struct {
	Row                          Row
	Confirm                      bool
	Volume, Claim, Made, Forgets string
	Expand, Grow                 string
	Obstacle, Event              string
}

func summary(a Action) plan {
	p := plan{Row: a.Row, Confirm: a.Confirm}
	if a.CreateVolume != nil {
		p.Volume = a.CreateVolume.Spec.ClaimRef.Namespace + "/" + a.CreateVolume.Spec.ClaimRef.Name
		if affinity := a.CreateVolume.Spec.NodeAffinity; affinity != nil {
			p.Volume += " on " + affinity.Required.NodeSelectorTerms[0].MatchExpressions[0].Values[0]
		}
	}
	if a.CreateClaim != nil {
		p.Claim = a.CreateClaim.Namespace + "/" + a.CreateClaim.Name
	}
	if a.Provision != nil {
		p.Made = a.Provision.Name + " " + string(a.Provision.Spec.PersistentVolumeReclaimPolicy)
	}
	if a.Forget != nil {
		p.Forgets = a.Forget.Name
	}
	if a.Expand != nil {
		p.Expand = a.Expand.String()
	}
	if a.Grow != nil {
		p.Grow = a.Grow.Capacity.String()
	}
	if a.Obstacle != nil {
		p.Obstacle = a.Obstacle.Reason
	}
	if a.Event != nil {
		p.Event = a.Event.Reason
	}
	return p
}
