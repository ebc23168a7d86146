package sidecar

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/spillway-io/spillway/api"
)

const (
	// ownAnnotationPrefix begins the keys by which pods tell Spillway something, and
	// Spillway pods.
	ownAnnotationPrefix = "spillway.io/"
	// recordPrefix begins the keys by which pods tell what sidecars they have.
	recordPrefix = "kruise.io/sidecarset-"
)

// isProtected says whether an annotation is one that Spillway or Kruise depends
// on, and that no set may write therefore.
func isProtected(key string) bool {
	return key == api.StashAnnotation || key == api.MatchedWorkloadSpreadAnnotation ||
		strings.HasPrefix(key, ownAnnotationPrefix) || strings.HasPrefix(key, recordPrefix)
}

// validateMetadata judges which annotations the set writes. Whether it may write
// them is for Whitelist.Validate.
func validateMetadata(patches []v1alpha1.SidecarSetPatchPodMetadata, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := make(map[string]bool)
	for i := range patches {
		patch, path := &patches[i], path.Index(i)
		errs = append(errs, oneOf(path.Child("patchPolicy"), patch.PatchPolicy,
			v1alpha1.SidecarSetRetainPatchPolicy, v1alpha1.SidecarSetOverwritePatchPolicy, v1alpha1.SidecarSetMergePatchJsonPatchPolicy)...)
		path = path.Child("annotations")
		if len(patch.Annotations) == 0 {
			errs = append(errs, field.Required(path, "give at least one annotation"))
		}
		errs = append(errs, apivalidation.ValidateAnnotations(patch.Annotations, path)...)
		for _, key := range slices.Sorted(maps.Keys(patch.Annotations)) {
			errs = append(errs, validateAnnotation(patch, key, seen[key], path.Key(key))...)
			seen[key] = true
		}
	}
	return errs
}

func validateAnnotation(patch *v1alpha1.SidecarSetPatchPodMetadata, key string, seen bool, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if seen {
		errs = append(errs, field.Duplicate(path, key))
	}
	if isProtected(key) {
		errs = append(errs, field.Forbidden(path, "is kept by Spillway or Kruise, which no SidecarSet may interfere with"))
	}
	if patch.PatchPolicy != v1alpha1.SidecarSetMergePatchJsonPatchPolicy {
		return errs
	}
	if _, err := readObject(patch.Annotations[key]); err != nil {
		errs = append(errs, field.Invalid(path, patch.Annotations[key], fmt.Sprintf("must be a JSON object, which is merged into that of the pod: %v", err)))
	}
	return errs
}
