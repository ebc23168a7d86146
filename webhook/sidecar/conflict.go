package sidecar

import (
	"fmt"
	"slices"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Conflicts returns what the set must not say because another set says it to the
// same pods: a container or init container of the same name, a volume of the same
// name that is another one, an annotation that one of them overwrites and the other
// writes, too (Retain gives way). Sets whose pods cannot be the same do not count, nor do those that are being deleted, nor
// the set itself, which may be among others.
//
// All sets are compared with their defaults. Paused sets count: they go on one
// day.
func Conflicts(set *v1alpha1.SidecarSet, others []v1alpha1.SidecarSet) field.ErrorList {
	set = Default(set)
	var errs field.ErrorList
	for i := range others {
		if others[i].Name == set.Name || others[i].DeletionTimestamp != nil || !overlap(&set.Spec, &others[i].Spec) {
			continue
		}
		other := Default(&others[i])
		errs = append(errs, conflictingNames(set, other)...)
		errs = append(errs, conflictingVolumes(set, other)...)
		errs = append(errs, conflictingAnnotations(set, other)...)
	}
	return errs
}

// conflictingNames compares containers with init containers, too: a pod has them
// under one set of names.
func conflictingNames(set, other *v1alpha1.SidecarSet) field.ErrorList {
	taken := make(map[string]bool)
	for _, containers := range [][]v1alpha1.SidecarContainer{other.Spec.Containers, other.Spec.InitContainers} {
		for i := range containers {
			taken[containers[i].Name] = true
		}
	}
	var errs field.ErrorList
	check := func(containers []v1alpha1.SidecarContainer, path *field.Path) {
		for i := range containers {
			if name := containers[i].Name; taken[name] {
				errs = append(errs, field.Invalid(path.Index(i).Child("name"), name, conflict("SidecarSet %q has a container of this name for the same pods; rename one of them", other)))
			}
		}
	}
	check(set.Spec.Containers, field.NewPath("spec", "containers"))
	check(set.Spec.InitContainers, field.NewPath("spec", "initContainers"))
	return errs
}

func conflictingVolumes(set, other *v1alpha1.SidecarSet) field.ErrorList {
	var errs field.ErrorList
	for i, volume := range set.Spec.Volumes {
		at := slices.IndexFunc(other.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == volume.Name })
		if at >= 0 && !equality.Semantic.DeepEqual(other.Spec.Volumes[at], volume) {
			errs = append(errs, field.Invalid(field.NewPath("spec", "volumes").Index(i).Child("name"), volume.Name,
				conflict("SidecarSet %q has another volume of this name for the same pods; rename one of them, or make them the same", other)))
		}
	}
	return errs
}

func conflictingAnnotations(set, other *v1alpha1.SidecarSet) field.ErrorList {
	policies := make(map[string]v1alpha1.SidecarSetPatchPolicyType)
	for _, patch := range other.Spec.PatchPodMetadata {
		if patch.PatchPolicy == v1alpha1.SidecarSetRetainPatchPolicy {
			continue
		}
		for key := range patch.Annotations {
			policies[key] = patch.PatchPolicy
		}
	}
	var errs field.ErrorList
	for i, patch := range set.Spec.PatchPodMetadata {
		if patch.PatchPolicy == v1alpha1.SidecarSetRetainPatchPolicy {
			continue
		}
		path := field.NewPath("spec", "patchPodMetadata").Index(i).Child("annotations")
		for _, key := range sortedKeys(patch.Annotations) {
			policy, both := policies[key]
			if both && (policy == v1alpha1.SidecarSetOverwritePatchPolicy || patch.PatchPolicy == v1alpha1.SidecarSetOverwritePatchPolicy) {
				errs = append(errs, field.Invalid(path.Key(key), patch.Annotations[key],
					conflict("SidecarSet %q writes this annotation of the same pods, and one of them by the policy Overwrite; use MergePatchJson in both, Retain in one, or another key", other)))
			}
		}
	}
	return errs
}

func conflict(format string, other *v1alpha1.SidecarSet) string {
	return fmt.Sprintf(format, other.Name)
}
