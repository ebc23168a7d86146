package sidecar

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Annotations by which a SidecarSet of Kruise 1.9 replaces another one for some of
// the pods of both.
const (
	canaryAnnotation     = "apps.kruise.io/sidecarset-canary"
	canaryBaseAnnotation = "apps.kruise.io/sidecarset-base"
)

// Validate returns what is wrong with a SidecarSet that has its defaults, under
// the names that its fields have in apps.kruise.io/v1alpha1. A set with anything
// in this list is not injected.
//
// The rules are Kruise's, without those that need a look at the cluster, and more:
// what would have the API server refuse the pods of others is refused here, where
// its author sees it, and so is what this version understands by half. One of
// Kruise's rules is left out: it refuses a native sidecar in a set of the type
// RollingUpdate, because it cannot change its image in place; our rollout can. The
// image of a plain init container is never rolled out, by either.
func Validate(set *v1alpha1.SidecarSet) field.ErrorList {
	spec := field.NewPath("spec")
	errs := validateName(set, field.NewPath("metadata"))
	errs = append(errs, validateCanary(set, field.NewPath("metadata", "annotations"))...)
	errs = append(errs, validateScope(&set.Spec, spec)...)
	errs = append(errs, validateVolumes(set.Spec.Volumes, spec.Child("volumes"))...)
	errs = append(errs, validateContainers(&set.Spec, spec)...)
	errs = append(errs, validatePullSecrets(&set.Spec, spec.Child("imagePullSecrets"))...)
	errs = append(errs, validateUpdates(&set.Spec.UpdateStrategy, spec.Child("updateStrategy"))...)
	errs = append(errs, validateRevision(set.Spec.InjectionStrategy.Revision, spec.Child("injectionStrategy", "revision"))...)
	return append(errs, validateMetadata(set.Spec.PatchPodMetadata, spec.Child("patchPodMetadata"))...)
}

// ValidateUpdate returns what is wrong with a change; both sets must have their
// defaults. What did not change is not judged again: a finalizer must come off
// and a label go on also where these rules have changed since the set was
// accepted.
//
// Kruise also refuses containers that the set had not before. Here they are
// accepted, with a warning: pods that run are reported as needing recreation.
func ValidateUpdate(set, old *v1alpha1.SidecarSet) field.ErrorList {
	if !IsChanged(set, old) {
		return nil
	}
	path := field.NewPath("spec")
	errs := validateUpgradeTypes(set.Spec.Containers, old.Spec.Containers, path.Child("containers"))
	errs = append(errs, validateUpgradeTypes(set.Spec.InitContainers, old.Spec.InitContainers, path.Child("initContainers"))...)
	return append(errs, Validate(set)...)
}

// IsChanged says whether an update, of sets with their defaults, has anything that
// is to be judged.
func IsChanged(set, old *v1alpha1.SidecarSet) bool {
	if set.DeletionTimestamp != nil {
		return false
	}
	for _, key := range []string{canaryAnnotation, canaryBaseAnnotation} {
		before, had := old.Annotations[key]
		if after, has := set.Annotations[key]; before != after || had != has {
			return true
		}
	}
	return !equality.Semantic.DeepEqual(set.Spec, old.Spec)
}

// validateUpgradeTypes is about a type that this version would accept: another one
// is refused in any case.
func validateUpgradeTypes(containers, old []v1alpha1.SidecarContainer, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range containers {
		before := slices.IndexFunc(old, func(c v1alpha1.SidecarContainer) bool { return c.Name == containers[i].Name })
		after := containers[i].UpgradeStrategy.UpgradeType
		if before >= 0 && after == v1alpha1.SidecarContainerColdUpgrade && old[before].UpgradeStrategy.UpgradeType != after {
			errs = append(errs, field.Invalid(path.Index(i).Child("upgradeStrategy", "upgradeType"), after,
				fmt.Sprintf("cannot be changed, since pods have two containers for this one: it is %s; create a SidecarSet of another name", old[before].UpgradeStrategy.UpgradeType)))
		}
	}
	return errs
}

// validateName keeps names to what the names of Kruise's sets can be, since the
// record on pods separates them by commas and labels hold them.
func validateName(set *v1alpha1.SidecarSet, path *field.Path) field.ErrorList {
	name, path := set.Name, path.Child("name")
	if name == "" && set.GenerateName != "" {
		return nil
	}
	if len(name) > validation.DNS1123LabelMaxLength {
		return field.ErrorList{field.TooLong(path, name, validation.DNS1123LabelMaxLength)}
	}
	if !regexp.MustCompile(`^[a-zA-Z0-9-]+$`).MatchString(name) {
		return field.ErrorList{field.Invalid(path, name, "must consist of letters, digits and '-'")}
	}
	return nil
}

func validateCanary(set *v1alpha1.SidecarSet, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, key := range []string{canaryAnnotation, canaryBaseAnnotation} {
		if _, ok := set.Annotations[key]; ok {
			errs = append(errs, field.Forbidden(path.Key(key), "Spillway has no canary sets; use spec.injectionStrategy.revision with the policy Partial"))
		}
	}
	return errs
}

// validateScope judges which pods the set is about.
func validateScope(spec *v1alpha1.SidecarSetSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if spec.Selector == nil {
		errs = append(errs, field.Required(path.Child("selector"), "select the pods that get the sidecars by their labels"))
	} else {
		errs = append(errs, validateSelector(spec.Selector, path.Child("selector"))...)
	}
	if spec.Namespace != "" {
		errs = append(errs, refused(path.Child("namespace"), spec.Namespace, validation.IsDNS1123Label(spec.Namespace))...)
	}
	if spec.NamespaceSelector != nil {
		errs = append(errs, validateSelector(spec.NamespaceSelector, path.Child("namespaceSelector"))...)
	}
	return errs
}

func validateSelector(selector *metav1.LabelSelector, path *field.Path) field.ErrorList {
	if len(selector.MatchLabels)+len(selector.MatchExpressions) == 0 {
		return field.ErrorList{field.Invalid(path, selector, "must not be empty; give matchLabels or matchExpressions")}
	}
	return metav1validation.ValidateLabelSelector(selector, metav1validation.LabelSelectorValidationOptions{}, path)
}

func validatePullSecrets(spec *v1alpha1.SidecarSetSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range spec.ImagePullSecrets {
		errs = append(errs, validateObjectName(spec.ImagePullSecrets[i].Name, path.Index(i).Child("name"))...)
	}
	return errs
}

// validateRevision judges what can be told without the revisions that there are.
func validateRevision(revision *v1alpha1.SidecarSetInjectRevision, path *field.Path) field.ErrorList {
	if revision == nil {
		return nil
	}
	var errs field.ErrorList
	switch {
	case revision.RevisionName == nil && revision.CustomVersion == nil:
		errs = append(errs, field.Required(path, "name a revision by revisionName, or by customVersion"))
	case revision.RevisionName != nil && *revision.RevisionName == "":
		errs = append(errs, field.Required(path.Child("revisionName"), "name a ControllerRevision, or remove the field"))
	case revision.RevisionName == nil && *revision.CustomVersion == "":
		errs = append(errs, field.Required(path.Child("customVersion"), "give the value of the label "+v1alpha1.SidecarSetCustomVersionLabel+", or remove the field"))
	}
	return append(errs, oneOf(path.Child("policy"), revision.Policy, v1alpha1.AlwaysSidecarSetInjectRevisionPolicy, v1alpha1.PartialSidecarSetInjectRevisionPolicy)...)
}

// refused turns what a check of apimachinery has to say into errors.
func refused(path *field.Path, value any, problems []string) field.ErrorList {
	errs := make(field.ErrorList, 0, len(problems))
	for _, problem := range problems {
		errs = append(errs, field.Invalid(path, value, problem))
	}
	return errs
}

// oneOf refuses all values but those given.
func oneOf[T ~string](path *field.Path, value T, supported ...T) field.ErrorList {
	if slices.Contains(supported, value) {
		return nil
	}
	return field.ErrorList{field.NotSupported(path, value, supported)}
}

// validateObjectName is about a Secret or ConfigMap.
func validateObjectName(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "give the name of the object, which is in the namespace of the pod")}
	}
	return refused(path, name, validation.IsDNS1123Subdomain(name))
}
