package sidecar

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	minTokenSeconds int64 = 600
	maxTokenSeconds int64 = 1 << 32
)

// validateFiles judges volumes whose files come from API objects.
func validateFiles(source *corev1.VolumeSource, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if secret := source.Secret; secret != nil {
		at := at.Child("secret")
		if secret.SecretName == "" {
			errs = append(errs, field.Required(at.Child("secretName"), "give the name of the Secret"))
		}
		errs = append(errs, validateMode(secret.DefaultMode, at.Child("defaultMode"))...)
		errs = append(errs, validateItems(secret.Items, at.Child("items"))...)
	}
	if config := source.ConfigMap; config != nil {
		at := at.Child("configMap")
		if config.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), "give the name of the ConfigMap"))
		}
		errs = append(errs, validateMode(config.DefaultMode, at.Child("defaultMode"))...)
		errs = append(errs, validateItems(config.Items, at.Child("items"))...)
	}
	if downward := source.DownwardAPI; downward != nil {
		at := at.Child("downwardAPI")
		errs = append(errs, validateMode(downward.DefaultMode, at.Child("defaultMode"))...)
		errs = append(errs, validateDownward(downward.Items, at.Child("items"))...)
	}
	if source.Projected != nil {
		errs = append(errs, validateProjected(source.Projected, at.Child("projected"))...)
	}
	return errs
}

// validateProjected judges sources one by one, and whether two give the same file.
func validateProjected(projected *corev1.ProjectedVolumeSource, at *field.Path) field.ErrorList {
	errs := validateMode(projected.DefaultMode, at.Child("defaultMode"))
	taken := make(map[string]bool)
	for i := range projected.Sources {
		at := at.Child("sources").Index(i)
		errs = append(errs, validateProjection(&projected.Sources[i], at)...)
		for _, path := range filesOf(&projected.Sources[i]) {
			if taken[path] {
				errs = append(errs, field.Duplicate(at, path))
			}
			taken[path] = true
		}
	}
	return errs
}

// validateProjection judges the sources that sidecars use: names of objects, files
// and the life of tokens. Certificates and trust bundles are left to the API
// server.
func validateProjection(source *corev1.VolumeProjection, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	var given []string
	if secret := source.Secret; secret != nil {
		given = append(given, "secret")
		errs = append(errs, validateObjectName(secret.Name, at.Child("secret", "name"))...)
		errs = append(errs, validateItems(secret.Items, at.Child("secret", "items"))...)
	}
	if config := source.ConfigMap; config != nil {
		given = append(given, "configMap")
		errs = append(errs, validateObjectName(config.Name, at.Child("configMap", "name"))...)
		errs = append(errs, validateItems(config.Items, at.Child("configMap", "items"))...)
	}
	if downward := source.DownwardAPI; downward != nil {
		given = append(given, "downwardAPI")
		errs = append(errs, validateDownward(downward.Items, at.Child("downwardAPI", "items"))...)
	}
	if token := source.ServiceAccountToken; token != nil {
		given = append(given, "serviceAccountToken")
		at := at.Child("serviceAccountToken")
		errs = append(errs, validateFilePath(token.Path, at.Child("path"))...)
		if seconds := token.ExpirationSeconds; seconds != nil && (*seconds < minTokenSeconds || *seconds > maxTokenSeconds) {
			errs = append(errs, field.Invalid(at.Child("expirationSeconds"), *seconds, "must be at least 600, 10 minutes, and at most 2^32"))
		}
	}
	if source.ClusterTrustBundle != nil {
		given = append(given, "clusterTrustBundle")
	}
	if source.PodCertificate != nil {
		given = append(given, "podCertificate")
	}
	if len(given) == 0 {
		return errs // API servers take a source of nothing
	}
	return append(errs, onlyOne(given, "", at)...)
}

// filesOf returns the paths that a source names, but for tokens, about which API
// servers do not care.
func filesOf(source *corev1.VolumeProjection) []string {
	var items []corev1.KeyToPath
	if source.Secret != nil {
		items = append(items, source.Secret.Items...)
	}
	if source.ConfigMap != nil {
		items = append(items, source.ConfigMap.Items...)
	}
	var paths []string
	for _, item := range items {
		paths = append(paths, item.Path)
	}
	if source.DownwardAPI != nil {
		for i := range source.DownwardAPI.Items {
			paths = append(paths, source.DownwardAPI.Items[i].Path)
		}
	}
	return slices.DeleteFunc(paths, func(path string) bool { return path == "" })
}

func validateItems(items []corev1.KeyToPath, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, item := range items {
		at := at.Index(i)
		if item.Key == "" {
			errs = append(errs, field.Required(at.Child("key"), "give the key of the value"))
		}
		errs = append(errs, validateFilePath(item.Path, at.Child("path"))...)
		errs = append(errs, validateMode(item.Mode, at.Child("mode"))...)
	}
	return errs
}

func validateDownward(files []corev1.DownwardAPIVolumeFile, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, file := range files {
		at := at.Index(i)
		errs = append(errs, validateFilePath(file.Path, at.Child("path"))...)
		errs = append(errs, validateMode(file.Mode, at.Child("mode"))...)
		var given []string
		if file.FieldRef != nil {
			given = append(given, "fieldRef")
			errs = append(errs, validateFieldRef(file.FieldRef, fileFields(), at.Child("fieldRef"))...)
		}
		if ref := file.ResourceFieldRef; ref != nil {
			given = append(given, "resourceFieldRef")
			errs = append(errs, validateResourceRef(ref, at.Child("resourceFieldRef"))...)
			if ref.ContainerName == "" {
				errs = append(errs, field.Required(at.Child("resourceFieldRef", "containerName"), "give the container whose resources are meant"))
			}
		}
		errs = append(errs, onlyOne(given, "give one of fieldRef and resourceFieldRef", at)...)
	}
	return errs
}

// validateFilePath is about a file in a volume; names that begin with two dots are
// the kubelet's.
func validateFilePath(value string, at *field.Path) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(at, "give the path of the file in the volume")}
	}
	if errs := localPath(value, at); len(errs) > 0 {
		return errs
	}
	if strings.HasPrefix(value, "..") {
		return field.ErrorList{field.Invalid(at, value, "must not start with '..'")}
	}
	return nil
}

func validateMode(mode *int32, at *field.Path) field.ErrorList {
	if mode != nil && (*mode < 0 || *mode > 0o777) {
		return field.ErrorList{field.Invalid(at, *mode, "must be a number between 0 and 0777 (octal), both inclusive")}
	}
	return nil
}
