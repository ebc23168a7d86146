package portability

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/provider/translate"
)

// volumes are those that need something of the downstream cluster, but claims.
func volumes(pod *corev1.Pod, inv Inventory) []Warning {
	var warnings []Warning
	for i := range pod.Spec.Volumes {
		volume := &pod.Spec.Volumes[i]
		field := fmt.Sprintf("spec.volumes[%d]", i)
		switch {
		case volume.CSI != nil && inv.Has(CSIDrivers):
			warnings = append(warnings, driver(field, volume, inv)...)
		case volume.Ephemeral != nil && volume.Ephemeral.VolumeClaimTemplate != nil && inv.Has(StorageClasses):
			class := ""
			if named := volume.Ephemeral.VolumeClaimTemplate.Spec.StorageClassName; named != nil {
				class = *named
			}
			if !inv.storageClass(class) {
				warnings = append(warnings, noClass(field+".ephemeral", volume.Name, class))
			}
		}
	}
	return warnings
}

// reserved are names of objects that the pod refers to and that nobody else may have
// downstream.
func reserved(upstream *corev1.Pod) []Warning {
	var warnings []Warning
	for _, reference := range translate.References(upstream, translate.Rules{}) {
		if reference.IsReserved() {
			warnings = append(warnings, Warning{
				Field: "spec",
				Text:  fmt.Sprintf("the name of %s %q is one that only objects of Spillway have downstream, and the virtual node refuses the pod", reference.Kind, reference.Name),
				Fix:   "give it another name",
			})
		}
	}
	return warnings
}

func driver(field string, volume *corev1.Volume, inv Inventory) []Warning {
	name := volume.CSI.Driver
	at := slices.IndexFunc(inv.CSIDrivers, func(d CSIDriver) bool { return d.Name == name })
	text := ""
	switch {
	case at < 0:
		text = fmt.Sprintf("the downstream cluster has no CSI driver %q: the pod waits there for its volume %q", name, volume.Name)
	case !inv.CSIDrivers[at].Inline:
		text = fmt.Sprintf("the downstream cluster's CSI driver %q has no volumes without a claim: the pod waits there for its volume %q", name, volume.Name)
	default:
		return nil
	}
	return []Warning{{Field: field + ".csi", Text: text, Fix: "install the driver in the downstream cluster, or use another volume"}}
}

// noClass says that downstream no volume is made for a claim; the empty name is the
// default class.
func noClass(field, name, class string) Warning {
	w := Warning{
		Field: field,
		Text:  fmt.Sprintf("the downstream cluster has no StorageClass %q: the pod waits there for the volume of %q", class, name),
		Fix:   "create it there, or give the virtual node --storage-class-map with one that is there",
	}
	if class == "" {
		w.Text = fmt.Sprintf("the downstream cluster has no default StorageClass: the pod waits there for the volume of %q", name)
		w.Fix = "annotate a StorageClass there: storageclass.kubernetes.io/is-default-class: \"true\", or name one"
	}
	return w
}
