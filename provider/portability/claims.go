package portability

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"github.com/spillway-io/spillway/api"
)

// Storage is what is known of the upstream cluster's storage.
type Storage struct {
	Claims  []corev1.PersistentVolumeClaim
	Classes []storagev1.StorageClass
	Volumes []corev1.PersistentVolume
	// Mapped are the StorageClasses that have another name downstream.
	Mapped map[string]string
	// Node are the labels of the virtual node, by which volumes admit it. Without
	// Named, its name in them is made up.
	Node  map[string]string
	Named bool
}

// JudgeClaims returns what keeps the volumes of a pod's claims from being had
// downstream, by the rules of the virtual node's storage. Claims that are not known
// are not judged.
func JudgeClaims(upstream *corev1.Pod, known Storage, inv Inventory) []Warning {
	var warnings []Warning
	for i := range upstream.Spec.Volumes {
		volume := &upstream.Spec.Volumes[i]
		j := judgement{field: fmt.Sprintf("spec.volumes[%d]", i), known: known, inv: inv}
		switch {
		case volume.PersistentVolumeClaim != nil:
			j.field += ".persistentVolumeClaim"
			j.claim = known.claim(upstream.Namespace, volume.PersistentVolumeClaim.ClaimName)
		case volume.Ephemeral != nil && volume.Ephemeral.VolumeClaimTemplate != nil:
			j.field += ".ephemeral"
			j.ephemeral = true
			j.claim = &corev1.PersistentVolumeClaim{Spec: volume.Ephemeral.VolumeClaimTemplate.Spec}
			j.claim.Name = upstream.Name + "-" + volume.Name
		}
		if j.claim == nil {
			continue
		}
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

// admits says whether a volume is to be had on the virtual node.
func (s Storage) admits(volume *corev1.PersistentVolume) bool {
	if volume.Spec.NodeAffinity == nil || volume.Spec.NodeAffinity.Required == nil {
		return true
	}
	terms, err := nodeaffinity.NewNodeSelector(volume.Spec.NodeAffinity.Required)
	// What does not parse admits nothing, as for the scheduler.
	return err == nil && terms.Match(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: s.Node}})
}

// judgement is about one claim.
type judgement struct {
	field string
	claim *corev1.PersistentVolumeClaim
	// ephemeral says that the pod's volume is made with it: downstream from the pod,
	// upstream by the same rules as for any other claim.
	ephemeral bool
	known     Storage
	inv       Inventory
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
	case !j.known.admits(volume):
		return j.elsewhere(volume), true
	case provisioned, volume.Spec.NFS != nil:
		return Warning{}, false
	case !directory:
		return j.warn(fmt.Sprintf("volume %q of claim %q is of a type that the downstream cluster cannot use; local, hostPath and nfs volumes can be", volume.Name, j.claim.Name),
			"keep the pod upstream: label virtual-pod: \"false\", or give it a claim of a StorageClass with provisioner "+api.Provisioner), true
	case j.inv.Has(Nodes):
		return j.placed(volume)
	default:
		return Warning{}, false
	}
}

// elsewhere is about a volume that does not admit the virtual node.
func (j judgement) elsewhere(volume *corev1.PersistentVolume) Warning {
	if !j.known.Named {
		w := j.warn(fmt.Sprintf("volume %q of claim %q is on certain nodes only, and the virtual node's name is not known", volume.Name, j.claim.Name),
			"give the virtual node's name with --node-name")
		w.Unsure = true
		return w
	}
	return j.warn(fmt.Sprintf("volume %q of claim %q is on nodes other than the virtual node: the pod does not start there", volume.Name, j.claim.Name),
		"keep the pod upstream: label virtual-pod: \"false\", or use a volume whose node affinity admits the virtual node by its label "+corev1.LabelHostname)
}

// placed is about a directory, which the virtual node looks for on one downstream node.
func (j judgement) placed(volume *corev1.PersistentVolume) (Warning, bool) {
	named := volume.Annotations[api.DownstreamNodeAnnotation]
	switch holders := j.inv.holders(); {
	case named != "" && !slices.ContainsFunc(j.inv.Nodes, func(n Node) bool { return n.Name == named }):
		return j.warn(fmt.Sprintf("volume %q of claim %q is a directory of node %q by its annotation, and the downstream cluster has no such node", volume.Name, j.claim.Name, named),
			fmt.Sprintf("kubectl annotate --overwrite pv %s %s=NODE", volume.Name, api.DownstreamNodeAnnotation)), true
	case named == "" && holders > 1:
		return j.warn(fmt.Sprintf("volume %q of claim %q is a directory of one node, and which of the %d downstream nodes has it is not said", volume.Name, j.claim.Name, holders),
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
	if j.ephemeral {
		return Warning{}, false // the class downstream is that of the template, which Judge looks at
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
