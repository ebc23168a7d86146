package stash

import (
	"errors"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
)

// Validate returns what an API server would refuse about the scheduling fields,
// under their names below path. Once a field is in the stash the upstream API
// server no longer sees it, so a mistake must be found before that. The rules
// are those of pod validation in Kubernetes 1.37; where it has a finer one, the
// downstream API server still applies it.
func (f Fields) Validate(path *field.Path) field.ErrorList {
	errs := metav1validation.ValidateLabels(f.NodeSelector, path.Child("nodeSelector"))
	if f.Affinity != nil {
		errs = append(errs, validateNodeAffinity(f.Affinity.NodeAffinity, path.Child("affinity", "nodeAffinity"))...)
		errs = append(errs, validatePodAffinities(f.Affinity, path.Child("affinity"))...)
	}
	for i, toleration := range f.Tolerations {
		errs = append(errs, validateToleration(toleration, path.Child("tolerations").Index(i))...)
	}
	return append(errs, validateSpread(f.TopologySpreadConstraints, path.Child("topologySpreadConstraints"))...)
}

func validateNodeAffinity(affinity *corev1.NodeAffinity, path *field.Path) field.ErrorList {
	if affinity == nil {
		return nil
	}
	var errs field.ErrorList
	if required := affinity.RequiredDuringSchedulingIgnoredDuringExecution; required != nil {
		path := path.Child("requiredDuringSchedulingIgnoredDuringExecution")
		if len(required.NodeSelectorTerms) == 0 {
			errs = append(errs, field.Required(path.Child("nodeSelectorTerms"), "must have at least one node selector term"))
		}
		_, err := nodeaffinity.NewNodeSelector(required, field.WithPath(path))
		errs = append(errs, fieldErrors(err, path)...)
	}
	path = path.Child("preferredDuringSchedulingIgnoredDuringExecution")
	preferred := affinity.PreferredDuringSchedulingIgnoredDuringExecution
	for i, p := range preferred {
		errs = append(errs, validateWeight(p.Weight, path.Index(i))...)
	}
	_, err := nodeaffinity.NewPreferredSchedulingTerms(preferred, field.WithPath(path))
	return append(errs, fieldErrors(err, path)...)
}

// fieldErrors turns what the scheduler's own parser reports back into field
// errors.
func fieldErrors(err error, path *field.Path) field.ErrorList {
	if err == nil {
		return nil
	}
	causes := []error{err}
	if aggregate, ok := errors.AsType[utilerrors.Aggregate](err); ok {
		causes = aggregate.Errors()
	}
	var errs field.ErrorList
	for _, cause := range causes {
		var fieldError *field.Error
		if !errors.As(cause, &fieldError) {
			fieldError = field.InternalError(path, cause)
		}
		errs = append(errs, fieldError)
	}
	return errs
}

func validateWeight(weight int32, path *field.Path) field.ErrorList {
	if weight < 1 || weight > 100 {
		return field.ErrorList{field.Invalid(path.Child("weight"), weight, "must be in the range 1-100")}
	}
	return nil
}

func validatePodAffinities(affinity *corev1.Affinity, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if a := affinity.PodAffinity; a != nil {
		errs = append(errs, validatePodAffinity(a.RequiredDuringSchedulingIgnoredDuringExecution, a.PreferredDuringSchedulingIgnoredDuringExecution, path.Child("podAffinity"))...)
	}
	if a := affinity.PodAntiAffinity; a != nil {
		errs = append(errs, validatePodAffinity(a.RequiredDuringSchedulingIgnoredDuringExecution, a.PreferredDuringSchedulingIgnoredDuringExecution, path.Child("podAntiAffinity"))...)
	}
	return errs
}

func validatePodAffinity(required []corev1.PodAffinityTerm, preferred []corev1.WeightedPodAffinityTerm, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, term := range required {
		errs = append(errs, validatePodAffinityTerm(term, path.Child("requiredDuringSchedulingIgnoredDuringExecution").Index(i))...)
	}
	for i, term := range preferred {
		path := path.Child("preferredDuringSchedulingIgnoredDuringExecution").Index(i)
		errs = append(errs, validateWeight(term.Weight, path)...)
		errs = append(errs, validatePodAffinityTerm(term.PodAffinityTerm, path.Child("podAffinityTerm"))...)
	}
	return errs
}

func validatePodAffinityTerm(term corev1.PodAffinityTerm, path *field.Path) field.ErrorList {
	options := metav1validation.LabelSelectorValidationOptions{}
	errs := validateLabelName(term.TopologyKey, path.Child("topologyKey"))
	errs = append(errs, metav1validation.ValidateLabelSelector(term.LabelSelector, options, path.Child("labelSelector"))...)
	errs = append(errs, metav1validation.ValidateLabelSelector(term.NamespaceSelector, options, path.Child("namespaceSelector"))...)
	for i, namespace := range term.Namespaces {
		for _, problem := range validation.IsDNS1123Label(namespace) {
			errs = append(errs, field.Invalid(path.Child("namespaces").Index(i), namespace, problem))
		}
	}
	if term.LabelSelector == nil && len(term.MatchLabelKeys)+len(term.MismatchLabelKeys) > 0 {
		errs = append(errs, field.Required(path.Child("labelSelector"), "must be given with matchLabelKeys or mismatchLabelKeys"))
	}
	return errs
}

// validateLabelName judges a key that must be there, such as a topology key.
func validateLabelName(key string, path *field.Path) field.ErrorList {
	if key == "" {
		return field.ErrorList{field.Required(path, "can not be empty")}
	}
	return metav1validation.ValidateLabelName(key, path)
}

func validateToleration(t corev1.Toleration, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if t.Key != "" {
		errs = metav1validation.ValidateLabelName(t.Key, path.Child("key"))
	} else if t.Operator != corev1.TolerationOpExists {
		errs = append(errs, field.Invalid(path.Child("operator"), t.Operator, `must be Exists when key is empty, which means "match all keys"`))
	}
	if t.TolerationSeconds != nil && t.Effect != corev1.TaintEffectNoExecute {
		errs = append(errs, field.Invalid(path.Child("effect"), t.Effect, "must be NoExecute when tolerationSeconds is set"))
	}
	errs = append(errs, validateTolerationValue(t, path)...)
	switch t.Effect {
	case "", corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute:
	default:
		errs = append(errs, field.NotSupported(path.Child("effect"), t.Effect,
			[]corev1.TaintEffect{corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute}))
	}
	return errs
}

func validateTolerationValue(t corev1.Toleration, path *field.Path) field.ErrorList {
	switch t.Operator {
	case "", corev1.TolerationOpEqual:
		var errs field.ErrorList
		for _, problem := range validation.IsValidLabelValue(t.Value) {
			errs = append(errs, field.Invalid(path.Child("value"), t.Value, problem))
		}
		return errs
	case corev1.TolerationOpExists:
		if t.Value != "" {
			return field.ErrorList{field.Invalid(path.Child("value"), t.Value, "must be empty when operator is Exists")}
		}
	case corev1.TolerationOpLt, corev1.TolerationOpGt:
		if _, err := strconv.ParseInt(t.Value, 10, 64); err != nil {
			return field.ErrorList{field.Invalid(path.Child("value"), t.Value, "must be an integer when operator is Lt or Gt")}
		}
	default:
		return field.ErrorList{field.NotSupported(path.Child("operator"), t.Operator,
			[]corev1.TolerationOperator{corev1.TolerationOpEqual, corev1.TolerationOpExists})}
	}
	return nil
}

func validateSpread(constraints []corev1.TopologySpreadConstraint, path *field.Path) field.ErrorList {
	type identity struct {
		topologyKey string
		when        corev1.UnsatisfiableConstraintAction
	}
	var errs field.ErrorList
	seen := make(map[identity]bool, len(constraints))
	for i, c := range constraints {
		errs = append(errs, validateSpreadConstraint(c, path.Index(i))...)
		id := identity{c.TopologyKey, c.WhenUnsatisfiable}
		if seen[id] {
			errs = append(errs, field.Duplicate(path.Index(i), id))
		}
		seen[id] = true
	}
	return errs
}

func validateSpreadConstraint(c corev1.TopologySpreadConstraint, path *field.Path) field.ErrorList {
	errs := validateLabelName(c.TopologyKey, path.Child("topologyKey"))
	if c.MaxSkew <= 0 {
		errs = append(errs, field.Invalid(path.Child("maxSkew"), c.MaxSkew, "must be greater than zero"))
	}
	if c.WhenUnsatisfiable != corev1.DoNotSchedule && c.WhenUnsatisfiable != corev1.ScheduleAnyway {
		errs = append(errs, field.NotSupported(path.Child("whenUnsatisfiable"), c.WhenUnsatisfiable,
			[]corev1.UnsatisfiableConstraintAction{corev1.DoNotSchedule, corev1.ScheduleAnyway}))
	}
	if c.MinDomains != nil && (*c.MinDomains <= 0 || c.WhenUnsatisfiable != corev1.DoNotSchedule) {
		errs = append(errs, field.Invalid(path.Child("minDomains"), *c.MinDomains, "must be greater than zero, and only with whenUnsatisfiable DoNotSchedule"))
	}
	errs = append(errs, validateInclusion(c.NodeAffinityPolicy, path.Child("nodeAffinityPolicy"))...)
	errs = append(errs, validateInclusion(c.NodeTaintsPolicy, path.Child("nodeTaintsPolicy"))...)
	if c.LabelSelector == nil && len(c.MatchLabelKeys) > 0 {
		errs = append(errs, field.Required(path.Child("labelSelector"), "must be given with matchLabelKeys"))
	}
	return append(errs, metav1validation.ValidateLabelSelector(c.LabelSelector, metav1validation.LabelSelectorValidationOptions{}, path.Child("labelSelector"))...)
}

func validateInclusion(policy *corev1.NodeInclusionPolicy, path *field.Path) field.ErrorList {
	if policy == nil || *policy == corev1.NodeInclusionPolicyHonor || *policy == corev1.NodeInclusionPolicyIgnore {
		return nil
	}
	return field.ErrorList{field.NotSupported(path, *policy,
		[]corev1.NodeInclusionPolicy{corev1.NodeInclusionPolicyHonor, corev1.NodeInclusionPolicyIgnore})}
}
