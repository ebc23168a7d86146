package sidecar

import (
	"fmt"
	"iter"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// volumeClaim is a volume that a set accepted so far brings along.
type volumeClaim struct {
	set    string
	volume *corev1.Volume
}

// usedVolumes are the volumes of a set that its containers use.
func usedVolumes(set *Set) iter.Seq[*corev1.Volume] {
	used := map[string]bool{}
	for c := range containersOf(set) {
		for i := range c.VolumeMounts {
			used[c.VolumeMounts[i].Name] = true
		}
		for i := range c.VolumeDevices {
			used[c.VolumeDevices[i].Name] = true
		}
	}
	return func(yield func(*corev1.Volume) bool) {
		for i := range set.Object.Spec.Volumes {
			if v := &set.Object.Spec.Volumes[i]; used[v.Name] && !yield(v) {
				return
			}
		}
	}
}

// checkVolumes finds a volume that two sets mean differently: one of them would
// read and write where it should not.
func (d *draft) checkVolumes(set *Set) error {
	for volume := range usedVolumes(set) {
		if other, claimed := d.volumes[volume.Name]; claimed && !equality.Semantic.DeepEqual(other.volume, volume) {
			return fmt.Errorf("volume %q: SidecarSet %q has put another one of this name into the pod", volume.Name, other.set)
		}
	}
	return nil
}

func (d *draft) claimVolumes(set *Set) {
	for volume := range usedVolumes(set) {
		if _, claimed := d.volumes[volume.Name]; !claimed {
			d.volumes[volume.Name] = volumeClaim{set: set.Name(), volume: volume}
		}
	}
}

// addVolumes adds the volumes that the set uses and the pod has not. The pod's
// own wins, which is how a set asks for a volume of the app.
func (d *draft) addVolumes(set *Set) {
	for volume := range usedVolumes(set) {
		at := slices.IndexFunc(d.pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == volume.Name })
		switch {
		case at < 0:
			d.pod.Spec.Volumes = append(slices.Clip(d.pod.Spec.Volumes), *volume)
		case !equality.Semantic.DeepEqual(&d.pod.Spec.Volumes[at], volume):
			d.warnings = append(d.warnings, fmt.Sprintf(
				"SidecarSet %q: volume %q is not the set's but the pod's own, which is another one of this name", set.Name(), volume.Name))
		}
	}
}

// withPullSecrets adds the pull secrets that are not there.
func withPullSecrets(secrets, added []corev1.LocalObjectReference) []corev1.LocalObjectReference {
	for _, secret := range added {
		if !slices.Contains(secrets, secret) {
			secrets = append(slices.Clip(secrets), secret)
		}
	}
	return secrets
}
