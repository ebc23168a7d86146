package sidecar

import (
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ValidatePinned refuses a set that asks for a revision which is not among those
// that there are.
func ValidatePinned(set *v1alpha1.SidecarSet, revisions []*appsv1.ControllerRevision) field.ErrorList {
	wanted := set.Spec.InjectionStrategy.Revision
	if wanted == nil {
		return nil
	}
	if _, err := revisionWanted(set, revisions); err == nil {
		return nil
	}
	// An empty name or version is refused by Validate.
	path := field.NewPath("spec", "injectionStrategy", "revision")
	if name := wanted.RevisionName; name != nil {
		return notFoundUnlessEmpty(path.Child("revisionName"), *name)
	}
	if version := wanted.CustomVersion; version != nil {
		return notFoundUnlessEmpty(path.Child("customVersion"), *version)
	}
	return nil
}

func notFoundUnlessEmpty(path *field.Path, value string) field.ErrorList {
	if value == "" {
		return nil
	}
	return field.ErrorList{field.NotFound(path, value)}
}
