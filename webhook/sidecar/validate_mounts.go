package sidecar

import (
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateMounts judges what a container mounts. A volume that apps bring must be
// declared by the set, too: the pod's own wins, and the set's serves pods that
// have none.
//
// Kubernetes documents that a mount path has no ':', yet takes one, which paths on
// Windows have; so do we.
func (r containerRules) validateMounts(c *corev1.Container, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	taken := make(map[string]bool, len(c.VolumeMounts))
	for i := range c.VolumeMounts {
		mount, at := &c.VolumeMounts[i], at.Index(i)
		errs = append(errs, r.validateVolumeName(mount.Name, at.Child("name"))...)
		if mount.MountPath == "" {
			errs = append(errs, field.Required(at.Child("mountPath"), "give the directory in the container"))
		} else if taken[mount.MountPath] {
			errs = append(errs, field.Duplicate(at.Child("mountPath"), mount.MountPath))
		}
		taken[mount.MountPath] = true
		if mount.SubPath != "" && mount.SubPathExpr != "" {
			errs = append(errs, field.Forbidden(at.Child("subPathExpr"), "cannot be combined with subPath; remove one of them"))
		}
		errs = append(errs, localPath(mount.SubPath, at.Child("subPath"))...)
		errs = append(errs, localPath(mount.SubPathExpr, at.Child("subPathExpr"))...)
		errs = append(errs, validatePropagation(mount, c.SecurityContext, at)...)
	}
	return errs
}

func (r containerRules) validateVolumeName(name string, at *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(at, "give the name of a volume in spec.volumes")}
	}
	if r.volumes[name] == nil {
		return field.ErrorList{field.NotFound(at, name)}
	}
	return nil
}

func validatePropagation(mount *corev1.VolumeMount, security *corev1.SecurityContext, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	propagates := false
	if propagation := mount.MountPropagation; propagation != nil {
		propagates = *propagation != corev1.MountPropagationNone
		errs = append(errs, oneOf(at.Child("mountPropagation"), *propagation, corev1.MountPropagationNone, corev1.MountPropagationHostToContainer, corev1.MountPropagationBidirectional)...)
		if *propagation == corev1.MountPropagationBidirectional && !isPrivileged(security) {
			errs = append(errs, field.Forbidden(at.Child("mountPropagation"), "Bidirectional is only for privileged containers"))
		}
	}
	if mount.RecursiveReadOnly == nil {
		return errs
	}
	at = at.Child("recursiveReadOnly")
	errs = append(errs, oneOf(at, *mount.RecursiveReadOnly, corev1.RecursiveReadOnlyDisabled, corev1.RecursiveReadOnlyIfPossible, corev1.RecursiveReadOnlyEnabled)...)
	if *mount.RecursiveReadOnly != corev1.RecursiveReadOnlyDisabled && (!mount.ReadOnly || propagates) {
		errs = append(errs, field.Forbidden(at, "is only for mounts with readOnly and without mountPropagation"))
	}
	return errs
}

func isPrivileged(security *corev1.SecurityContext) bool {
	return security != nil && security.Privileged != nil && *security.Privileged
}

// validateDevices judges raw block devices, which are a claim's and nothing that
// is mounted as well.
func (r containerRules) validateDevices(c *corev1.Container, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	paths, names := make(map[string]bool), make(map[string]bool)
	for i, device := range c.VolumeDevices {
		at := at.Index(i)
		errs = append(errs, r.validateVolumeName(device.Name, at.Child("name"))...)
		if volume := r.volumes[device.Name]; volume != nil && volume.PersistentVolumeClaim == nil && volume.Ephemeral == nil {
			errs = append(errs, field.Invalid(at.Child("name"), device.Name, "must be a volume of the type persistentVolumeClaim or ephemeral"))
		}
		switch {
		case device.DevicePath == "":
			errs = append(errs, field.Required(at.Child("devicePath"), "give the path of the device in the container"))
		case paths[device.DevicePath]:
			errs = append(errs, field.Duplicate(at.Child("devicePath"), device.DevicePath))
		}
		if names[device.Name] {
			errs = append(errs, field.Duplicate(at.Child("name"), device.Name))
		}
		paths[device.DevicePath], names[device.Name] = true, true
		errs = append(errs, noBacksteps(device.DevicePath, at.Child("devicePath"))...)
		if slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == device.Name }) {
			errs = append(errs, field.Invalid(at.Child("name"), device.Name, "is mounted by volumeMounts already"))
		}
		if slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == device.DevicePath }) {
			errs = append(errs, field.Invalid(at.Child("devicePath"), device.DevicePath, "is the mountPath of a volumeMount already"))
		}
	}
	return errs
}

// localPath wants a path below a volume; it may be empty.
func localPath(value string, at *field.Path) field.ErrorList {
	if path.IsAbs(value) {
		return field.ErrorList{field.Invalid(at, value, "must be a relative path")}
	}
	return noBacksteps(value, at)
}

func noBacksteps(value string, at *field.Path) field.ErrorList {
	if slices.Contains(strings.Split(value, "/"), "..") {
		return field.ErrorList{field.Invalid(at, value, "must not contain '..'")}
	}
	return nil
}
