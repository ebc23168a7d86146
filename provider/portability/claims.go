package portability

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"github.com/spillway-io/spillway/api"
)

// Storage is what is known of the upstream cluster's storage.
type Storage struct {
	Claims  []corev1.PersistentVolumeClaim
	Classes []storagev1.StorageClass
	Volumes []corev1.PersistentVolume
	// Mapped are the StorageClasses that have another name downstream.
	Mapped map[string]string
}

// JudgeClaims returns what keeps the volumes of a pod's claims from being had
// downstream, by the rules of the virtual node's storage. Claims that are not known
// are not judged.
func JudgeClaims(upstream *corev1.Pod, known Storage, inv Inventory) []Warning {
	var warnings []Warning
	for i := range upstream.Spec.Volumes {
		source := upstream.Spec.Volumes[i].PersistentVolumeClaim
		if source == nil {
			continue
		}
		claim := known.claim(upstream.Namespace, source.ClaimName)
		if claim == nil {
			continue
		}
		j := judgement{field: fmt.Sprintf("spec.volumes[%d].persistentVolumeClaim", i), claim: claim, known: known, inv: inv}
		if w, bad := j.judge(); bad {
			warnings = append(warnings, w)
		}
	}
	return warnings
}

func (s Storage) claim(namespace, name string) *corev1.PersistentVolumeClaim {
	for i := range s.Claims {
		if s.Claims[i].Namespace == namespace && s.Claims[i].Name == name {
			return &s.Claims[i]
		}
	}
	return nil
}

// judgement is about one claim.
type judgement struct {
	field string
	claim *corev1.PersistentVolumeClaim
	known Storage
	inv   Inventory
}

func (j judgement) judge() (Warning, bool) {
	if name := j.claim.Spec.VolumeName; name != "" {
		for i := range j.known.Volumes {
			if j.known.Volumes[i].Name == name {
				return j.bound(&j.known.Volumes[i])
			}
		}
		return Warning{}, false
	}
	class, named := j.class()
	switch {
	case class != nil && class.Provisioner == api.Provisioner:
		return j.provisioned(class)
	case class != nil && class.Provisioner == "kubernetes.io/no-provisioner":
		return Warning{}, false // which volume it gets is not known yet
	case class != nil:
		return j.warn(fmt.Sprintf("StorageClass %q has the provisioner %s, whose volumes the downstream cluster cannot use: the pod of claim %q does not start on a virtual node", class.Name, class.Provisioner, j.claim.Name),
			"use a StorageClass with provisioner "+api.Provisioner+", see docs/storage.md"), true
	case named != "":
		w := j.warn(fmt.Sprintf("StorageClass %q of claim %q is not in the input: on a virtual node the pod starts only if its provisioner is %s", named, j.claim.Name, api.Provisioner),
			fmt.Sprintf("have it judged: kubectl get storageclass %s -o yaml > class.yaml, and add -f class.yaml", named))
		w.Unsure = true
		return w, true
	default:
		return Warning{}, false
	}
}

func (j judgement) warn(text, fix string) Warning {
	return Warning{Field: j.field, Text: text, Fix: fix}
}

// bound is about a claim with a volume: those that mean the same downstream are
// carried there.
func (j judgement) bound(volume *corev1.PersistentVolume) (Warning, bool) {
	directory := volume.Spec.Local != nil || volume.Spec.HostPath != nil
	provisioned := volume.Annotations["pv.kubernetes.io/provisioned-by"] == api.Provisioner
	switch {
	case provisioned, volume.Spec.NFS != nil:
		return Warning{}, false
	case !directory:
		return j.warn(fmt.Sprintf("volume %q of claim %q is of a type that the downstream cluster cannot use; local, hostPath and nfs volumes can be", volume.Name, j.claim.Name),
			"keep the pod upstream: label virtual-pod: \"false\", or give it a claim of a StorageClass with provisioner "+api.Provisioner), true
	case volume.Annotations[api.DownstreamNodeAnnotation] == "" && j.inv.Has(Nodes) && len(j.inv.machines()) > 1:
		return j.warn(fmt.Sprintf("volume %q of claim %q is a directory of one node, and which of the %d downstream nodes has it is not said", volume.Name, j.claim.Name, len(j.inv.machines())),
			fmt.Sprintf("kubectl annotate pv %s %s=NODE", volume.Name, api.DownstreamNodeAnnotation)), true
	default:
		return Warning{}, false
	}
}

// provisioned is about a claim of our provisioner.
func (j judgement) provisioned(class *storagev1.StorageClass) (Warning, bool) {
	spec := j.claim.Spec
	switch {
	case class.VolumeBindingMode == nil || *class.VolumeBindingMode != storagev1.VolumeBindingWaitForFirstConsumer:
		return j.warn(fmt.Sprintf("StorageClass %q of claim %q needs volumeBindingMode: WaitForFirstConsumer, and no volume is made without it", class.Name, j.claim.Name),
			"create the StorageClass anew with volumeBindingMode: WaitForFirstConsumer"), true
	case spec.Selector != nil, spec.DataSource != nil, spec.DataSourceRef != nil, spec.VolumeAttributesClassName != nil && *spec.VolumeAttributesClassName != "":
		return j.warn(fmt.Sprintf("claim %q asks for upstream objects, by selector, data source or VolumeAttributesClass, which the downstream cluster does not have", j.claim.Name),
			"remove selector, dataSource, dataSourceRef and volumeAttributesClassName from the claim"), true
	}
	below := class.Parameters[api.StorageClassParameter]
	if below == "" {
		below = j.known.Mapped[class.Name]
	}
	if j.inv.Has(StorageClasses) && !j.inv.storageClass(below) {
		w := noClass(j.field, j.claim.Name, below)
		if below != "" {
			w.Fix = fmt.Sprintf("create it there, or name one that is there in the parameter %s of StorageClass %q", api.StorageClassParameter, class.Name)
		}
		return w, true
	}
	return Warning{}, false
}

// class returns the claim's class, if it is known, and its name, if there is one.
func (j judgement) class() (class *storagev1.StorageClass, name string) {
	if named := j.claim.Spec.StorageClassName; named != nil {
		name = *named
		if name == "" {
			return nil, ""
		}
	}
	for i := range j.known.Classes {
		class := &j.known.Classes[i]
		isDefault := class.Annotations["storageclass.kubernetes.io/is-default-class"] == "true"
		if class.Name == name || name == "" && isDefault {
			return class, class.Name
		}
	}
	return nil, name
}
