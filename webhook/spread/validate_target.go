package spread

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateTarget judges what needs no look at the cluster. Any kind may be a
// target: whether it has a scale subresource, or the replicas that
// targetFilter.replicasPathList names, shows when it exists.
func validateTarget(ref *v1alpha1.TargetReference, path *field.Path) field.ErrorList {
	if ref == nil {
		return field.ErrorList{field.Required(path, "name the workload to spread by its apiVersion, kind and name")}
	}
	errs := validateGroup(ref, path)
	switch {
	case ref.Kind == "":
		errs = append(errs, field.Required(path.Child("kind"), "give the kind of the workload, such as Deployment"))
	case ref.Kind == "DaemonSet":
		errs = append(errs, field.Invalid(path.Child("kind"), ref.Kind, "has one pod for each node, which leaves nothing to spread; target a Deployment, CloneSet, StatefulSet or Job"))
	case ref.Kind == "Pod":
		errs = append(errs, field.Invalid(path.Child("kind"), ref.Kind, "is not a workload; target the one that controls the pod, such as a Deployment"))
	}
	if ref.Name == "" {
		return append(errs, field.Required(path.Child("name"), "give the name of the workload, which is in the namespace of the WorkloadSpread"))
	}
	for _, problem := range validation.IsDNS1123Subdomain(ref.Name) {
		errs = append(errs, field.Invalid(path.Child("name"), ref.Name, problem))
	}
	return errs
}

// validateGroup refuses a known kind with a group that does not have it: the
// reference would match no workload.
func validateGroup(ref *v1alpha1.TargetReference, path *field.Path) field.ErrorList {
	path = path.Child("apiVersion")
	if ref.APIVersion == "" {
		return field.ErrorList{field.Required(path, "give group and version of the workload, such as apps/v1")}
	}
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil || gv.Version == "" {
		return field.ErrorList{field.Invalid(path, ref.APIVersion, "must be GROUP/VERSION, such as apps/v1")}
	}
	if known := groupVersions(ref.Kind); len(known) > 0 && !slices.ContainsFunc(known, func(k schema.GroupVersion) bool { return k.Group == gv.Group }) {
		return field.ErrorList{field.Invalid(path, ref.APIVersion, fmt.Sprintf("is not where %s is; write %s", ref.Kind, orList(known)))}
	}
	return nil
}

// groupVersions returns where a kind is found, nil if it is nobody knows where.
func groupVersions(kind string) []schema.GroupVersion {
	switch kind {
	case "Deployment", "ReplicaSet":
		return []schema.GroupVersion{appsv1.SchemeGroupVersion}
	case "StatefulSet":
		return []schema.GroupVersion{appsv1.SchemeGroupVersion, {Group: v1alpha1.GroupVersion.Group, Version: "v1beta1"}}
	case "CloneSet":
		return []schema.GroupVersion{v1alpha1.GroupVersion}
	case "Job":
		return []schema.GroupVersion{batchv1.SchemeGroupVersion}
	default:
		return nil
	}
}

func orList(versions []schema.GroupVersion) string {
	words := make([]string, 0, len(versions))
	for _, gv := range versions {
		words = append(words, gv.String())
	}
	return strings.Join(words, " or ")
}

// validateOnlyOne refuses a second WorkloadSpread for a target: which of them a
// pod met first would be chance.
func validateOnlyOne(ws *v1alpha1.WorkloadSpread, others []v1alpha1.WorkloadSpread, path *field.Path) field.ErrorList {
	ref := ws.Spec.TargetReference
	if ref == nil {
		return nil
	}
	for i := range others {
		other := &others[i]
		if other.Name == ws.Name || other.Namespace != ws.Namespace || !Targets(other, Owner{GroupKind: TargetKind(ws), Name: ref.Name}) {
			continue
		}
		err := field.Duplicate(path, fmt.Sprintf("%s %s", ref.Kind, ref.Name))
		err.Detail = fmt.Sprintf("WorkloadSpread %q spreads it already; add the subsets to that one, or delete it first", other.Name)
		return field.ErrorList{err}
	}
	return nil
}

// validateSameTarget keeps group, kind and name of the target as they are: the
// counts in the status are of its pods. The version may change.
func validateSameTarget(ws, old *v1alpha1.WorkloadSpread, path *field.Path) field.ErrorList {
	ref, was := ws.Spec.TargetReference, old.Spec.TargetReference
	if ref == nil || was == nil {
		return nil
	}
	const fix = "delete the WorkloadSpread and create another for the other workload"
	var errs field.ErrorList
	if group, before := TargetKind(ws).Group, TargetKind(old).Group; group != before {
		errs = append(errs, field.Invalid(path.Child("apiVersion"), ref.APIVersion, fmt.Sprintf("the group %q cannot be changed; %s", before, fix)))
	}
	if ref.Kind != was.Kind {
		errs = append(errs, field.Invalid(path.Child("kind"), ref.Kind, fmt.Sprintf("%q cannot be changed; %s", was.Kind, fix)))
	}
	if ref.Name != was.Name {
		errs = append(errs, field.Invalid(path.Child("name"), ref.Name, fmt.Sprintf("%q cannot be changed; %s", was.Name, fix)))
	}
	return errs
}

func validateFilter(filter *v1alpha1.TargetFilter, path *field.Path) field.ErrorList {
	if filter == nil {
		return nil
	}
	errs := metav1validation.ValidateLabelSelector(filter.Selector, metav1validation.LabelSelectorValidationOptions{}, path.Child("selector"))
	wellFormed := regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$`)
	path = path.Child("replicasPathList")
	for i, replicas := range filter.ReplicasPathList {
		switch {
		case !wellFormed.MatchString(replicas):
			errs = append(errs, field.Invalid(path.Index(i), replicas, `must be names of fields separated by dots, with numbers for the items of lists, such as "spec.replicas" or "spec.groups.0.replicas"`))
		case slices.Contains(filter.ReplicasPathList[:i], replicas):
			errs = append(errs, field.Duplicate(path.Index(i), replicas))
		}
	}
	return errs
}
