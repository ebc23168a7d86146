package sidecar

import (
	"github.com/openkruise/kruise-api/apps/pub"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateUpdates judges updateStrategy. Selector and partition are judged also
// where running pods are not updated, since the injection of a revision by the
// policy Partial follows them.
func validateUpdates(strategy *v1alpha1.SidecarSetUpdateStrategy, path *field.Path) field.ErrorList {
	errs := oneOf(path.Child("type"), strategy.Type, v1alpha1.NotUpdateSidecarSetStrategyType, v1alpha1.RollingUpdateSidecarSetStrategyType)
	if strategy.Selector != nil {
		errs = append(errs, validateSelector(strategy.Selector, path.Child("selector"))...)
	}
	errs = append(errs, validateAmount(strategy.Partition, path.Child("partition"))...)
	if strategy.Type != v1alpha1.RollingUpdateSidecarSetStrategyType {
		return errs
	}
	if strategy.Selector != nil && !isZero(strategy.Partition) {
		errs = append(errs, field.Invalid(path.Child("partition"), strategy.Partition.String(), "cannot be combined with updateStrategy.selector; remove one of them"))
	}
	errs = append(errs, validateAmount(strategy.MaxUnavailable, path.Child("maxUnavailable"))...)
	if strategy.MaxUnavailable != nil && isZero(strategy.MaxUnavailable) {
		errs = append(errs, field.Invalid(path.Child("maxUnavailable"), strategy.MaxUnavailable.String(), "must not be 0, with which no pod would ever be updated; to hold updates back set updateStrategy.paused, or the type NotUpdate"))
	}
	errs = append(errs, validatePriorities(strategy.PriorityStrategy, path.Child("priorityStrategy"))...)
	return append(errs, validateScatter(strategy.ScatterStrategy, path.Child("scatterStrategy"))...)
}

// validateAmount wants a number of pods or a percentage of them.
func validateAmount(amount *intstr.IntOrString, path *field.Path) field.ErrorList {
	switch {
	case amount == nil:
		return nil
	case amount.Type == intstr.String:
		return refused(path, amount.StrVal, validation.IsValidPercent(amount.StrVal))
	case amount.IntVal < 0:
		return field.ErrorList{field.Invalid(path, amount.IntVal, "must not be negative")}
	default:
		return nil
	}
}

// isZero says whether an amount is no pod at all, or not given.
func isZero(amount *intstr.IntOrString) bool {
	if amount == nil {
		return true
	}
	scaled, err := intstr.GetScaledValueFromIntOrPercent(amount, 100, true)
	return err == nil && scaled == 0
}

func validatePriorities(strategy *pub.UpdatePriorityStrategy, path *field.Path) field.ErrorList {
	if strategy == nil {
		return nil
	}
	var errs field.ErrorList
	if len(strategy.OrderPriority) > 0 && len(strategy.WeightPriority) > 0 {
		errs = append(errs, field.Forbidden(path.Child("orderPriority"), "cannot be combined with weightPriority; remove one of them"))
	}
	for i, term := range strategy.WeightPriority {
		path := path.Child("weightPriority").Index(i)
		if term.Weight < 0 || term.Weight > 100 {
			errs = append(errs, field.Invalid(path.Child("weight"), term.Weight, "must be in the range 0-100"))
		}
		errs = append(errs, validateSelector(&term.MatchSelector, path.Child("matchSelector"))...)
	}
	for i, term := range strategy.OrderPriority {
		if term.OrderedKey == "" {
			errs = append(errs, field.Required(path.Child("orderPriority").Index(i).Child("orderedKey"), "give the key of the label whose value holds the number"))
		}
	}
	return errs
}

func validateScatter(strategy v1alpha1.UpdateScatterStrategy, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := make(map[v1alpha1.UpdateScatterTerm]bool, len(strategy))
	for i, term := range strategy {
		switch {
		case term.Key == "":
			errs = append(errs, field.Required(path.Index(i).Child("key"), "give the key of a label"))
		case seen[term]:
			errs = append(errs, field.Duplicate(path.Index(i), term.Key+"="+term.Value))
		}
		seen[term] = true
	}
	return errs
}
