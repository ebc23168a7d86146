package sidecar

import (
	"path"
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxDriverName is how long the name of a CSI driver may be.
const maxDriverName = 63

func volumesByName(volumes []corev1.Volume) map[string]*corev1.Volume {
	byName := make(map[string]*corev1.Volume, len(volumes))
	for i := range volumes {
		byName[volumes[i].Name] = &volumes[i]
	}
	return byName
}

// validateVolumes judges volumes of the types that sidecars use. What is special
// to types of network storage is left to the API server.
func validateVolumes(volumes []corev1.Volume, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := make(map[string]bool, len(volumes))
	for i := range volumes {
		volume, at := &volumes[i], at.Index(i)
		if volume.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), "containers mount the volume by its name"))
		} else {
			errs = append(errs, refused(at.Child("name"), volume.Name, validation.IsDNS1123Label(volume.Name))...)
		}
		if seen[volume.Name] {
			errs = append(errs, field.Duplicate(at.Child("name"), volume.Name))
		}
		seen[volume.Name] = true
		errs = append(errs, onlyOne(sourcesOf(&volume.VolumeSource), "give the type of the volume, such as emptyDir", at)...)
		errs = append(errs, validateVolumeSource(&volume.VolumeSource, at)...)
		errs = append(errs, validateFiles(&volume.VolumeSource, at)...)
	}
	return errs
}

// sourcesOf returns the names of the types that are given, as users write them.
func sourcesOf(source *corev1.VolumeSource) []string {
	var given []string
	for at, value := range reflect.ValueOf(source).Elem().Fields() {
		if !value.IsZero() {
			name, _, _ := strings.Cut(at.Tag.Get("json"), ",")
			given = append(given, name)
		}
	}
	return given
}

func validateVolumeSource(source *corev1.VolumeSource, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if dir := source.EmptyDir; dir != nil && dir.SizeLimit != nil && dir.SizeLimit.Sign() < 0 {
		errs = append(errs, field.Invalid(at.Child("emptyDir", "sizeLimit"), dir.SizeLimit.String(), "must not be negative"))
	}
	if source.HostPath != nil {
		errs = append(errs, validateHostPath(source.HostPath, at.Child("hostPath"))...)
	}
	if claim := source.PersistentVolumeClaim; claim != nil && claim.ClaimName == "" {
		errs = append(errs, field.Required(at.Child("persistentVolumeClaim", "claimName"), "give the name of the claim"))
	}
	if source.Ephemeral != nil {
		errs = append(errs, validateClaim(source.Ephemeral.VolumeClaimTemplate, at.Child("ephemeral", "volumeClaimTemplate"))...)
	}
	errs = append(errs, validateNetworkVolume(source, at)...)
	if image := source.Image; image != nil {
		errs = append(errs, validateImage(image.Reference, at.Child("image", "reference"))...)
		errs = append(errs, oneOf(at.Child("image", "pullPolicy"), image.PullPolicy, corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever)...)
	}
	return errs
}

// validateClaim judges what every claim has to say.
func validateClaim(claim *corev1.PersistentVolumeClaimTemplate, at *field.Path) field.ErrorList {
	if claim == nil {
		return field.ErrorList{field.Required(at, "give the claim")}
	}
	var errs field.ErrorList
	modes := at.Child("spec", "accessModes")
	if len(claim.Spec.AccessModes) == 0 {
		errs = append(errs, field.Required(modes, "give at least one"))
	}
	for i, mode := range claim.Spec.AccessModes {
		errs = append(errs, oneOf(modes.Index(i), mode, corev1.ReadWriteOnce, corev1.ReadOnlyMany, corev1.ReadWriteMany, corev1.ReadWriteOncePod)...)
	}
	storage := at.Child("spec", "resources", "requests").Key(string(corev1.ResourceStorage))
	if size, ok := claim.Spec.Resources.Requests[corev1.ResourceStorage]; !ok {
		errs = append(errs, field.Required(storage, "give the size"))
	} else if size.Sign() <= 0 {
		errs = append(errs, field.Invalid(storage, size.String(), "must be more than 0"))
	}
	return errs
}

func validateNetworkVolume(source *corev1.VolumeSource, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if nfs := source.NFS; nfs != nil {
		if nfs.Server == "" {
			errs = append(errs, field.Required(at.Child("nfs", "server"), "give the server"))
		}
		if !path.IsAbs(nfs.Path) {
			errs = append(errs, field.Invalid(at.Child("nfs", "path"), nfs.Path, "must be an absolute path"))
		}
	}
	if csi := source.CSI; csi != nil {
		errs = append(errs, refused(at.Child("csi", "driver"), csi.Driver, validation.IsDNS1123Subdomain(strings.ToLower(csi.Driver)))...)
		if len(csi.Driver) > maxDriverName {
			errs = append(errs, field.TooLong(at.Child("csi", "driver"), csi.Driver, maxDriverName))
		}
		if csi.NodePublishSecretRef != nil {
			errs = append(errs, validateObjectName(csi.NodePublishSecretRef.Name, at.Child("csi", "nodePublishSecretRef", "name"))...)
		}
	}
	return errs
}

func validateHostPath(host *corev1.HostPathVolumeSource, at *field.Path) field.ErrorList {
	if host.Path == "" {
		return field.ErrorList{field.Required(at.Child("path"), "give the path on the node")}
	}
	errs := noBacksteps(host.Path, at.Child("path"))
	if host.Type == nil {
		return errs
	}
	return append(errs, oneOf(at.Child("type"), *host.Type, corev1.HostPathUnset, corev1.HostPathDirectoryOrCreate, corev1.HostPathDirectory,
		corev1.HostPathFileOrCreate, corev1.HostPathFile, corev1.HostPathSocket, corev1.HostPathCharDev, corev1.HostPathBlockDev)...)
}
