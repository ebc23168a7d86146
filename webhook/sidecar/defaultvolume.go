package sidecar

import (
	"reflect"

	corev1 "k8s.io/api/core/v1"
)

const (
	// defaultFileMode is that of files in volumes made of API objects.
	defaultFileMode int32 = 0o644
	// defaultTokenSeconds is how long a projected service account token is valid.
	defaultTokenSeconds int64 = 3600
)

// defaultVolume writes the defaults that Kubernetes has for volumes. They are not
// in the hashes; two sets that declare the same volume must not differ because
// one of them left out a default.
func defaultVolume(volume *corev1.Volume) {
	source := &volume.VolumeSource
	if reflect.ValueOf(*source).IsZero() {
		source.EmptyDir = &corev1.EmptyDirVolumeSource{}
	}
	if source.HostPath != nil {
		setIfNil(&source.HostPath.Type, corev1.HostPathUnset)
	}
	if source.Image != nil {
		setIfZero(&source.Image.PullPolicy, pullPolicy(source.Image.Reference))
	}
	defaultFiles(source)
	defaultClaim(source.Ephemeral)
	defaultNetworkVolume(source)
	defaultAzureDisk(source.AzureDisk)
}

// defaultFiles is about volumes whose files come from API objects.
func defaultFiles(source *corev1.VolumeSource) {
	if source.Secret != nil {
		setIfNil(&source.Secret.DefaultMode, defaultFileMode)
	}
	if source.ConfigMap != nil {
		setIfNil(&source.ConfigMap.DefaultMode, defaultFileMode)
	}
	if source.DownwardAPI != nil {
		setIfNil(&source.DownwardAPI.DefaultMode, defaultFileMode)
		defaultFieldRefs(source.DownwardAPI.Items)
	}
	if source.Projected == nil {
		return
	}
	setIfNil(&source.Projected.DefaultMode, defaultFileMode)
	for i := range source.Projected.Sources {
		projection := &source.Projected.Sources[i]
		if projection.DownwardAPI != nil {
			defaultFieldRefs(projection.DownwardAPI.Items)
		}
		if projection.ServiceAccountToken != nil {
			setIfNil(&projection.ServiceAccountToken.ExpirationSeconds, defaultTokenSeconds)
		}
	}
}

func defaultFieldRefs(files []corev1.DownwardAPIVolumeFile) {
	for i := range files {
		defaultFieldRef(files[i].FieldRef)
	}
}

func defaultClaim(ephemeral *corev1.EphemeralVolumeSource) {
	if ephemeral == nil || ephemeral.VolumeClaimTemplate == nil {
		return
	}
	claim := &ephemeral.VolumeClaimTemplate.Spec
	setIfNil(&claim.VolumeMode, corev1.PersistentVolumeFilesystem)
	roundUp(claim.Resources.Limits)
	roundUp(claim.Resources.Requests)
}

func defaultNetworkVolume(source *corev1.VolumeSource) {
	if source.ISCSI != nil {
		setIfZero(&source.ISCSI.ISCSIInterface, "default")
	}
	if source.RBD != nil {
		setIfZero(&source.RBD.RBDPool, "rbd")
		setIfZero(&source.RBD.RadosUser, "admin")
		setIfZero(&source.RBD.Keyring, "/etc/ceph/keyring")
	}
	if source.ScaleIO != nil {
		setIfZero(&source.ScaleIO.StorageMode, "ThinProvisioned")
		setIfZero(&source.ScaleIO.FSType, "xfs")
	}
}

func defaultAzureDisk(disk *corev1.AzureDiskVolumeSource) {
	if disk == nil {
		return
	}
	setIfNil(&disk.CachingMode, corev1.AzureDataDiskCachingReadWrite)
	setIfNil(&disk.FSType, "ext4")
	setIfNil(&disk.ReadOnly, false)
	setIfNil(&disk.Kind, corev1.AzureSharedBlobDisk)
}
