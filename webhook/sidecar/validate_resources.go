package sidecar

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateResources(resources *corev1.ResourceRequirements, path *field.Path) field.ErrorList {
	errs := validateQuantities(resources.Limits, path.Child("limits"))
	errs = append(errs, validateQuantities(resources.Requests, path.Child("requests"))...)
	for _, name := range slices.Sorted(maps.Keys(resources.Requests)) {
		request, path := resources.Requests[name], path.Child("requests").Key(string(name))
		limit, limited := resources.Limits[name]
		switch {
		case isOvercommittable(name):
			if limited && request.Cmp(limit) > 0 {
				errs = append(errs, field.Invalid(path, request.String(), fmt.Sprintf("must not be more than the limit, %s", limit.String())))
			}
		case !limited:
			errs = append(errs, field.Invalid(path, request.String(), "must have a limit, which is the same"))
		case request.Cmp(limit) != 0:
			errs = append(errs, field.Invalid(path, request.String(), fmt.Sprintf("must be the same as the limit, %s", limit.String())))
		}
	}
	if names(resources, isHugePages) && !names(resources, isCompute) {
		errs = append(errs, field.Required(path, "huge pages are only for containers that give cpu or memory, too"))
	}
	if len(resources.Claims) > 0 {
		errs = append(errs, field.Forbidden(path.Child("claims"), "refers to claims of the pod, which a SidecarSet cannot bring; remove it"))
	}
	return errs
}

func validateQuantities(quantities corev1.ResourceList, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, name := range slices.Sorted(maps.Keys(quantities)) {
		quantity, path := quantities[name], path.Key(string(name))
		errs = append(errs, validateResourceName(name, path)...)
		if quantity.Sign() < 0 {
			errs = append(errs, field.Invalid(path, quantity.String(), "must not be negative"))
		}
		if isExtended(name) && quantity.MilliValue()%1000 != 0 {
			errs = append(errs, field.Invalid(path, quantity.String(), "must be a whole number"))
		}
		if isHugePages(name) && !isPages(name, quantity) {
			errs = append(errs, field.Invalid(path, quantity.String(), "must be a multiple of the page size"))
		}
	}
	return errs
}

// validateResourceName takes what containers can ask for: cpu, memory,
// ephemeral-storage, hugepages-SIZE, and DOMAIN/NAME of others.
func validateResourceName(name corev1.ResourceName, path *field.Path) field.ErrorList {
	if errs := refused(path, string(name), validation.IsQualifiedName(string(name))); len(errs) > 0 {
		return errs
	}
	if !strings.Contains(string(name), "/") {
		standard := []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage}
		if slices.Contains(standard, name) || isHugePages(name) {
			return nil
		}
		return field.ErrorList{field.NotSupported(path, name, standard)}
	}
	if isExtended(name) {
		// Quotas give it a prefix, with which it must still be a name.
		return refused(path, string(name), validation.IsQualifiedName(corev1.DefaultResourceRequestsPrefix+string(name)))
	}
	if strings.HasPrefix(string(name), corev1.DefaultResourceRequestsPrefix) {
		return field.ErrorList{field.Invalid(path, string(name), "must not begin with "+corev1.DefaultResourceRequestsPrefix)}
	}
	return nil
}

// isExtended says whether a resource is one that others than Kubernetes define.
func isExtended(name corev1.ResourceName) bool {
	return strings.Contains(string(name), "/") && !strings.Contains(string(name), corev1.ResourceDefaultNamespacePrefix) &&
		!strings.HasPrefix(string(name), corev1.DefaultResourceRequestsPrefix)
}

// isOvercommittable says whether less can be requested than is allowed to be used.
func isOvercommittable(name corev1.ResourceName) bool {
	isNative := !strings.Contains(string(name), "/") || strings.Contains(string(name), corev1.ResourceDefaultNamespacePrefix)
	return isNative && !isHugePages(name)
}

func isHugePages(name corev1.ResourceName) bool {
	return strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix)
}

// isPages says whether a quantity is some whole pages of the size in the name.
func isPages(name corev1.ResourceName, quantity resource.Quantity) bool {
	size, err := resource.ParseQuantity(strings.TrimPrefix(string(name), corev1.ResourceHugePagesPrefix))
	return err == nil && size.Value() > 0 && quantity.MilliValue()%1000 == 0 && quantity.Value()%size.Value() == 0
}

func isCompute(name corev1.ResourceName) bool {
	return name == corev1.ResourceCPU || name == corev1.ResourceMemory
}

// names says whether requests or limits are about such a resource.
func names(resources *corev1.ResourceRequirements, is func(corev1.ResourceName) bool) bool {
	for _, quantities := range []corev1.ResourceList{resources.Limits, resources.Requests} {
		for name := range quantities {
			if is(name) {
				return true
			}
		}
	}
	return false
}

// validateSecurity judges what a container asks of the kernel. Options for Windows
// are left to the API server.
func validateSecurity(security *corev1.SecurityContext, path *field.Path) field.ErrorList {
	if security == nil {
		return nil
	}
	var errs field.ErrorList
	if id := security.RunAsUser; id != nil {
		errs = append(errs, refused(path.Child("runAsUser"), *id, validation.IsValidUserID(*id))...)
	}
	if id := security.RunAsGroup; id != nil {
		errs = append(errs, refused(path.Child("runAsGroup"), *id, validation.IsValidGroupID(*id))...)
	}
	if mount := security.ProcMount; mount != nil {
		errs = append(errs, oneOf(path.Child("procMount"), *mount, corev1.DefaultProcMount, corev1.UnmaskedProcMount)...)
	}
	errs = append(errs, validateEscalation(security, path.Child("allowPrivilegeEscalation"))...)
	if profile := security.SeccompProfile; profile != nil {
		path := path.Child("seccompProfile")
		errs = append(errs, oneOf(path.Child("type"), profile.Type, corev1.SeccompProfileTypeLocalhost, corev1.SeccompProfileTypeRuntimeDefault, corev1.SeccompProfileTypeUnconfined)...)
		errs = append(errs, validateProfile(profile.LocalhostProfile, profile.Type == corev1.SeccompProfileTypeLocalhost, path.Child("localhostProfile"))...)
		if profile.LocalhostProfile != nil {
			errs = append(errs, localPath(*profile.LocalhostProfile, path.Child("localhostProfile"))...)
		}
	}
	if profile := security.AppArmorProfile; profile != nil {
		path := path.Child("appArmorProfile")
		errs = append(errs, oneOf(path.Child("type"), profile.Type, corev1.AppArmorProfileTypeLocalhost, corev1.AppArmorProfileTypeRuntimeDefault, corev1.AppArmorProfileTypeUnconfined)...)
		errs = append(errs, validateProfile(profile.LocalhostProfile, profile.Type == corev1.AppArmorProfileTypeLocalhost, path.Child("localhostProfile"))...)
	}
	return errs
}

func validateEscalation(security *corev1.SecurityContext, path *field.Path) field.ErrorList {
	if security.AllowPrivilegeEscalation == nil || *security.AllowPrivilegeEscalation {
		return nil
	}
	var errs field.ErrorList
	if isPrivileged(security) {
		errs = append(errs, field.Invalid(path, false, "cannot be combined with privileged"))
	}
	if security.Capabilities != nil && slices.Contains(security.Capabilities.Add, "CAP_SYS_ADMIN") {
		errs = append(errs, field.Invalid(path, false, "cannot be combined with the capability CAP_SYS_ADMIN"))
	}
	return errs
}

// validateProfile is about the name of a file on the node, which only profiles of
// the type Localhost have.
func validateProfile(name *string, isLocalhost bool, path *field.Path) field.ErrorList {
	switch {
	case isLocalhost && (name == nil || strings.TrimSpace(*name) == ""):
		return field.ErrorList{field.Required(path, "name the profile on the node")}
	case isLocalhost && strings.TrimSpace(*name) != *name:
		return field.ErrorList{field.Invalid(path, *name, "must not begin or end with blanks")}
	case !isLocalhost && name != nil:
		return field.ErrorList{field.Forbidden(path, "is only for the type Localhost")}
	default:
		return nil
	}
}
