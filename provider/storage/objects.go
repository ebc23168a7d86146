package storage

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/translate"
)

const (
	// provisionedBy on a volume keeps the controller manager from deleting it. The
	// key is Kubernetes' own.
	provisionedBy = "pv.kubernetes.io/provisioned-by"
	// driver is the CSI driver of volumes that stand for downstream claims. There is
	// no such driver on any node; a driver's name may not have a slash, as that of
	// our provisioner has.
	driver = "virtual-node.spillway.io"
	// readable is how much of a volume's name its copy's name begins with.
	readable = 200
)

// below is the downstream namespace and name for an upstream claim's.
func below(upstream types.NamespacedName, rules translate.Rules) types.NamespacedName {
	return types.NamespacedName{Namespace: rules.Namespaces.Downstream(upstream.Namespace), Name: upstream.Name}
}

// handle names a downstream claim in the volume that stands for it upstream. It
// begins with the virtual node, since two may lead to clusters that have the same
// names.
func handle(upstream types.NamespacedName, rules translate.Rules) string {
	claim := below(upstream, rules)
	return strings.Join([]string{rules.Node.Name, claim.Namespace, claim.Name}, "/")
}

// isOurs says that an upstream volume was provisioned by this virtual node.
func isOurs(volume *corev1.PersistentVolume, rules translate.Rules) bool {
	source := volume.Spec.CSI
	return source != nil && source.Driver == driver && strings.HasPrefix(source.VolumeHandle, rules.Node.Name+"/")
}

// isEphemeral says that a claim belongs to a generic ephemeral volume of a pod.
func isEphemeral(claim *corev1.PersistentVolumeClaim) bool {
	owner := metav1.GetControllerOf(claim)
	return owner != nil && owner.Kind == "Pod" && owner.APIVersion == "v1"
}

// volumeName is what external provisioners call the volume of a claim.
func volumeName(claim *corev1.PersistentVolumeClaim) string { return "pvc-" + string(claim.UID) }

// provisioned is the upstream volume that stands for the downstream claim. It
// keeps its claim's pods on this virtual node. One that holds no data is deleted
// with its claim, any other stays, whatever the class says.
func provisioned(claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass, rules translate.Rules) *corev1.PersistentVolume {
	key := types.NamespacedName{Namespace: claim.Namespace, Name: claim.Name}
	policy := corev1.PersistentVolumeReclaimRetain
	if isEphemeral(claim) {
		policy = corev1.PersistentVolumeReclaimDelete
	}
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: volumeName(claim), Annotations: map[string]string{provisionedBy: api.Provisioner}},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: claim.Spec.Resources.Requests[corev1.ResourceStorage]},
			AccessModes:                   slices.Clone(claim.Spec.AccessModes),
			PersistentVolumeReclaimPolicy: policy,
			StorageClassName:              class.Name,
			VolumeMode:                    claim.Spec.VolumeMode,
			ClaimRef:                      &corev1.ObjectReference{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID},
			NodeAffinity:                  onHost(rules.Node.Labels[corev1.LabelHostname]),
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{
				Driver: driver, VolumeHandle: handle(key, rules),
			}},
		},
	}
}

// onHost is for volumes of one node, by its label kubernetes.io/hostname.
func onHost(host string) *corev1.VolumeNodeAffinity {
	return &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
		MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{host}}},
	}}}}
}

// downstreamClaim is the claim that an upstream one gets. With a volume it is
// bound to that and has no class, otherwise a nil class is the downstream
// cluster's default.
func downstreamClaim(claim *corev1.PersistentVolumeClaim, class *string, volume string, rules translate.Rules) *corev1.PersistentVolumeClaim {
	key := below(types.NamespacedName{Namespace: claim.Namespace, Name: claim.Name}, rules)
	if volume != "" {
		class = new("")
	}
	created := &corev1.PersistentVolumeClaim{
		// Annotations are mostly what upstream controllers noted about the binding.
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, Labels: maps.Clone(claim.Labels)},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes:      slices.Clone(claim.Spec.AccessModes),
			Resources:        *claim.Spec.Resources.DeepCopy(),
			VolumeMode:       claim.Spec.VolumeMode,
			StorageClassName: class,
			VolumeName:       volume,
		},
	}
	rules.Mark(&created.ObjectMeta, claim.UID)
	return created
}

// downstreamClass is the class of the downstream claim for an upstream class of
// ours: what its parameter says, or the mapping; nil is the default there.
func downstreamClass(class *storagev1.StorageClass, rules translate.Rules) *string {
	if name := class.Parameters[api.StorageClassParameter]; name != "" {
		return &name
	}
	if name := rules.StorageClasses[class.Name]; name != "" {
		return &name
	}
	return nil
}

// copyName is the downstream name of the copy of an upstream volume. Volumes have
// no namespace, so it tells upstream clusters and virtual nodes apart.
func copyName(volume string, rules translate.Rules) string {
	sum := sha256.Sum256([]byte(rules.UpstreamID + "/" + rules.Node.Name + "/" + volume))
	return strings.TrimRight(volume[:min(len(volume), readable)], ".-") + "-" + hex.EncodeToString(sum[:8])
}

// carried is the downstream copy of an upstream volume, for one claim and no
// other. An empty host is any.
func carried(volume *corev1.PersistentVolume, claim types.NamespacedName, host string, rules translate.Rules) *corev1.PersistentVolume {
	spec := volume.Spec.DeepCopy()
	spec.PersistentVolumeReclaimPolicy = corev1.PersistentVolumeReclaimRetain
	spec.StorageClassName = ""
	spec.VolumeAttributesClassName = nil
	spec.ClaimRef = &corev1.ObjectReference{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name}
	spec.NodeAffinity = nil
	if host != "" {
		spec.NodeAffinity = onHost(host)
	}
	created := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: copyName(volume.Name, rules)}, Spec: *spec}
	rules.Mark(&created.ObjectMeta, volume.UID)
	return created
}
