package sidecar

import (
	"fmt"
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
func usedVolumes(set *Set) []*corev1.Volume {
	used := map[string]bool{}
	for c := range containersOf(set) {
		for i := range c.VolumeMounts {
			used[c.VolumeMounts[i].Name] = true
		}
		for i := range c.VolumeDevices {
			used[c.VolumeDevices[i].Name] = true
		}
	}
	var volumes []*corev1.Volume
	for i := range set.Object.Spec.Volumes {
		if v := &set.Object.Spec.Volumes[i]; used[v.Name] {
			volumes = append(volumes, v)
		}
	}
	return volumes
}

// checkVolumes finds a volume that two sets mean differently: one of them would
// read and write where it should not.
func (d *draft) checkVolumes(set *Set) error {
	for _, volume := range set.volumes {
		if other, claimed := d.volumes[volume.Name]; claimed && !equality.Semantic.DeepEqual(other.volume, volume) {
			return fmt.Errorf("volume %q: SidecarSet %q has put another one of this name into the pod", volume.Name, other.set)
		}
	}
	return nil
}

func (d *draft) claimVolumes(set *Set) {
	for _, volume := range set.volumes {
		if _, claimed := d.volumes[volume.Name]; !claimed {
			d.volumes[volume.Name] = volumeClaim{set: set.Name(), volume: volume}
		}
	}
}

// addVolumes adds the volumes that the set uses and the pod has not. The pod's
// own wins, which is how a set asks for a volume of the app.
func (d *draft) addVolumes(set *Set) {
	volumes := slices.Clip(d.pod.Spec.Volumes)
	for _, volume := range set.volumes {
		at := volumeNamed(volumes, volume.Name)
		switch {
		case at < 0 && len(volumes) == len(d.pod.Spec.Volumes):
			volumes = append(slices.Grow(volumes, len(set.volumes)), *volume)
		case at < 0:
			volumes = append(volumes, *volume)
		case !equality.Semantic.DeepEqual(&volumes[at], volume):
			d.warnings = append(d.warnings, fmt.Sprintf(
				"SidecarSet %q: volume %q is not the set's but the pod's own, which is another one of this name", set.Name(), volume.Name))
		}
	}
	d.pod.Spec.Volumes = volumes
}

// volumeNamed is where a volume is, -1 if nowhere.
func volumeNamed(volumes []corev1.Volume, name string) int {
	for i := range volumes {
		if volumes[i].Name == name {
			return i
		}
	}
	return -1
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
