package sidecar

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateEnv(env []corev1.EnvVar, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range env {
		path := path.Index(i)
		if env[i].Name == "" {
			errs = append(errs, field.Required(path.Child("name"), "give the name of the variable"))
		} else {
			errs = append(errs, refused(path.Child("name"), env[i].Name, validation.IsRelaxedEnvVarName(env[i].Name))...)
		}
		if env[i].ValueFrom == nil {
			continue
		}
		if env[i].Value != "" {
			errs = append(errs, field.Forbidden(path.Child("valueFrom"), "cannot be combined with value; remove one of them"))
		}
		errs = append(errs, validateValueFrom(env[i].ValueFrom, path.Child("valueFrom"))...)
	}
	return errs
}

func validateValueFrom(from *corev1.EnvVarSource, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	var given []string
	if from.FieldRef != nil {
		given = append(given, "fieldRef")
		errs = append(errs, validateFieldRef(from.FieldRef, envFields(), path.Child("fieldRef"))...)
	}
	if from.ResourceFieldRef != nil {
		given = append(given, "resourceFieldRef")
		errs = append(errs, validateResourceRef(from.ResourceFieldRef, path.Child("resourceFieldRef"))...)
	}
	if ref := from.ConfigMapKeyRef; ref != nil {
		given = append(given, "configMapKeyRef")
		errs = append(errs, validateKeyRef(ref.Name, ref.Key, path.Child("configMapKeyRef"))...)
	}
	if ref := from.SecretKeyRef; ref != nil {
		given = append(given, "secretKeyRef")
		errs = append(errs, validateKeyRef(ref.Name, ref.Key, path.Child("secretKeyRef"))...)
	}
	if from.FileKeyRef != nil {
		given = append(given, "fileKeyRef")
		errs = append(errs, validateFileRef(from.FileKeyRef, path.Child("fileKeyRef"))...)
	}
	return append(errs, onlyOne(given, "give one of fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef and fileKeyRef", path)...)
}

// onlyOne is about fields of which exactly one is to be given.
func onlyOne(given []string, advice string, path *field.Path) field.ErrorList {
	if len(given) == 0 {
		return field.ErrorList{field.Required(path, advice)}
	}
	var errs field.ErrorList
	for _, name := range given[1:] {
		errs = append(errs, field.Forbidden(path.Child(name), "cannot be combined with "+given[0]+"; remove one of them"))
	}
	return errs
}

// envFields are the fields of a pod that variables can hold, beside labels and
// annotations by key.
func envFields() []string {
	return []string{"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"}
}

// fileFields are those that files can hold.
func fileFields() []string {
	return []string{"metadata.name", "metadata.namespace", "metadata.uid", labelsPath, annotationsPath}
}

func validateFieldRef(ref *corev1.ObjectFieldSelector, fields []string, path *field.Path) field.ErrorList {
	errs := oneOf(path.Child("apiVersion"), ref.APIVersion, "v1")
	path = path.Child("fieldPath")
	if ref.FieldPath == "" {
		return append(errs, field.Required(path, "name a field of the pod"))
	}
	values, key, ok := subscripted(ref.FieldPath)
	switch {
	case !ok:
		// An older name, which API servers still take.
		if ref.FieldPath != "spec.host" || !slices.Contains(fields, "spec.nodeName") {
			errs = append(errs, oneOf(path, ref.FieldPath, fields...)...)
		}
	case values == labelsPath || values == annotationsPath:
		errs = append(errs, validateSubscript(values, key, ref.FieldPath, path)...)
	default:
		errs = append(errs, field.Invalid(path, ref.FieldPath, "only metadata.labels and metadata.annotations take a key"))
	}
	return errs
}

func validateResourceRef(ref *corev1.ResourceFieldSelector, path *field.Path) field.ErrorList {
	amounts := []string{"limits.cpu", "limits.memory", "limits.ephemeral-storage", "requests.cpu", "requests.memory", "requests.ephemeral-storage"}
	if ref.Resource == "" {
		return field.ErrorList{field.Required(path.Child("resource"), "name an amount, such as limits.memory")}
	}
	_, resource, _ := strings.Cut(ref.Resource, ".")
	isHuge := strings.HasPrefix(ref.Resource, "limits.hugepages-") || strings.HasPrefix(ref.Resource, "requests.hugepages-")
	var errs field.ErrorList
	if !isHuge {
		errs = oneOf(path.Child("resource"), ref.Resource, amounts...)
	}
	divisors := []string{"1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"}
	if resource == string(corev1.ResourceCPU) {
		divisors = []string{"1m", "1"}
	}
	if !ref.Divisor.IsZero() {
		errs = append(errs, oneOf(path.Child("divisor"), ref.Divisor.String(), divisors...)...)
	}
	return errs
}

func validateKeyRef(name, key string, path *field.Path) field.ErrorList {
	errs := validateObjectName(name, path.Child("name"))
	if key == "" {
		return append(errs, field.Required(path.Child("key"), "give the key of the value"))
	}
	return append(errs, refused(path.Child("key"), key, validation.IsConfigMapKey(key))...)
}

func validateFileRef(ref *corev1.FileKeySelector, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if ref.Key == "" {
		errs = append(errs, field.Required(path.Child("key"), "give the name that the file has for the value"))
	} else {
		errs = append(errs, refused(path.Child("key"), ref.Key, validation.IsRelaxedEnvVarName(ref.Key))...)
	}
	if ref.VolumeName == "" {
		errs = append(errs, field.Required(path.Child("volumeName"), "give the volume that has the file"))
	} else {
		errs = append(errs, refused(path.Child("volumeName"), ref.VolumeName, validation.IsDNS1123Label(ref.VolumeName))...)
	}
	if ref.Path == "" {
		return append(errs, field.Required(path.Child("path"), "give the file"))
	}
	return append(errs, noBacksteps(ref.Path, path.Child("path"))...)
}

func validateEnvFrom(sources []corev1.EnvFromSource, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, source := range sources {
		path := path.Index(i)
		if source.Prefix != "" {
			errs = append(errs, refused(path.Child("prefix"), source.Prefix, validation.IsRelaxedEnvVarName(source.Prefix))...)
		}
		var given []string
		if source.ConfigMapRef != nil {
			given = append(given, "configMapRef")
			errs = append(errs, validateObjectName(source.ConfigMapRef.Name, path.Child("configMapRef", "name"))...)
		}
		if source.SecretRef != nil {
			given = append(given, "secretRef")
			errs = append(errs, validateObjectName(source.SecretRef.Name, path.Child("secretRef", "name"))...)
		}
		errs = append(errs, onlyOne(given, "give one of configMapRef and secretRef", path)...)
	}
	return errs
}
