package sidecar

import (
	"fmt"
	"slices"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
)

// accept decides whether a set can be injected, and if so writes its annotations
// and takes its names. An error changes nothing of the pod.
func (d *draft) accept(set *Set) error {
	if set.Err != nil {
		return set.Err
	}
	for c := range containersOf(set) {
		if err := d.checkName(set, c); err != nil {
			return err
		}
	}
	if err := d.checkVolumes(set); err != nil {
		return err
	}
	if err := d.checkPorts(set); err != nil {
		return err
	}
	if err := d.checkAnnotations(set); err != nil {
		return err
	}
	annotations, err := patchMetadata(d.pod.Annotations, set.Object.Spec.PatchPodMetadata, false)
	if err != nil {
		return err
	}
	d.pod.Annotations = annotations
	for c := range containersOf(set) {
		d.containers[c.Name] = set.Name()
	}
	d.claimVolumes(set)
	d.claimPorts(set)
	for key := range overwritten(set) {
		d.overwritten[key] = set.Name()
	}
	return nil
}

// checkName finds a container of another's that has the name.
func (d *draft) checkName(set *Set, c *v1alpha1.SidecarContainer) error {
	if other, taken := d.containers[c.Name]; taken {
		return fmt.Errorf("container %q: SidecarSet %q has put one of this name into the pod", c.Name, other)
	}
	for list := range containersIn(&d.pod.Spec) {
		for i := range list {
			if list[i].Name == c.Name && !d.owns(set.Name(), &list[i]) {
				d.contested[c.Name] = true
				return fmt.Errorf("container %q: the pod has one of this name, which is not the set's", c.Name)
			}
		}
	}
	for i := range d.pod.Spec.EphemeralContainers {
		if d.pod.Spec.EphemeralContainers[i].Name == c.Name {
			return fmt.Errorf("container %q: the pod has an ephemeral container of this name", c.Name)
		}
	}
	return nil
}

// owns says whether a container of the pod is a set's. The record lists just the
// containers that run beside the app, and in its oldest shape, which has no time,
// none.
func (d *draft) owns(set string, c *corev1.Container) bool {
	entry, recorded := d.record.Hashes[set]
	switch {
	case !recorded || !isInjected(c):
		return false
	case slices.Contains(entry.SidecarList, c.Name):
		return true
	}
	return d.isPlainInit(c) || entry.UpdateTimestamp.IsZero() && !d.listed(c.Name)
}

func (d *draft) isPlainInit(c *corev1.Container) bool {
	return !isNative(c) && slices.ContainsFunc(d.pod.Spec.InitContainers, func(other corev1.Container) bool { return other.Name == c.Name })
}

// listed says whether any set's record lists the container.
func (d *draft) listed(name string) bool {
	for _, entry := range d.record.Hashes {
		if slices.Contains(entry.SidecarList, name) {
			return true
		}
	}
	return false
}
