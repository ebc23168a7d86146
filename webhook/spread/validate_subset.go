package spread

import (
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/spillway-io/spillway/webhook/stash"
)

func validateSubsets(subsets []v1alpha1.WorkloadSpreadSubset, known Known, path *field.Path) field.ErrorList {
	if len(subsets) == 0 {
		return field.ErrorList{field.Required(path, "give at least one subset; the first ones fill up first")}
	}
	var errs field.ErrorList
	seen := make(map[string]bool, len(subsets))
	for i := range subsets {
		subset, path := &subsets[i], path.Index(i)
		switch {
		case subset.Name == "":
			errs = append(errs, field.Required(path.Child("name"), "pods tell by it which subset they are in"))
		case seen[subset.Name]:
			errs = append(errs, field.Duplicate(path.Child("name"), subset.Name))
		}
		seen[subset.Name] = true
		errs = append(errs, validateTerms(subset, path)...)
		errs = append(errs, stash.Fields{Tolerations: subset.Tolerations}.Validate(path)...)
		errs = append(errs, validatePatch(subset.Patch.Raw, known, path.Child("patch"))...)
	}
	return errs
}

func validateTerms(subset *v1alpha1.WorkloadSpreadSubset, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if term := subset.RequiredNodeSelectorTerm; term != nil {
		path := path.Child("requiredNodeSelectorTerm")
		if isEmpty(*term) {
			errs = append(errs, field.Required(path, "to Kubernetes an empty term selects no node; give matchExpressions or matchFields, or remove it to mean all nodes"))
		}
		errs = append(errs, validateTerm(*term, path)...)
	}
	for i, preferred := range subset.PreferredNodeSelectorTerms {
		path := path.Child("preferredNodeSelectorTerms").Index(i)
		if preferred.Weight < 1 || preferred.Weight > 100 {
			errs = append(errs, field.Invalid(path.Child("weight"), preferred.Weight, "must be in the range 1-100"))
		}
		errs = append(errs, validateTerm(preferred.Preference, path.Child("preference"))...)
	}
	return errs
}

// validateTerm has the term judged as a pod's own, and puts the place where it
// stands in the place where it would stand in a pod.
func validateTerm(term corev1.NodeSelectorTerm, path *field.Path) field.ErrorList {
	required := &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{term}}
	errs := stash.Fields{Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: required,
	}}}.Validate(nil)
	for _, err := range errs {
		if _, below, found := strings.Cut(err.Field, ".nodeSelectorTerms[0]"); found {
			err.Field = path.String() + below
		}
	}
	return errs
}
