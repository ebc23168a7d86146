package spread

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateCaps judges each maxReplicas, and then all of them together unless one
// cannot be read.
func validateCaps(ws *v1alpha1.WorkloadSpread, path *field.Path) field.ErrorList {
	subsets := ws.Spec.Subsets
	var errs field.ErrorList
	for i := range subsets {
		if limit := subsets[i].MaxReplicas; limit != nil {
			errs = append(errs, validateCap(*limit, isStatefulSet(TargetKind(ws)), path.Index(i).Child("maxReplicas"))...)
		}
	}
	if len(errs) > 0 || len(subsets) == 0 {
		return errs
	}
	errs = append(errs, validateOneUnit(subsets, path)...)
	errs = append(errs, validatePercentSum(subsets, path)...)
	return append(errs, validateReach(ws, path)...)
}

func validateCap(limit intstr.IntOrString, numberOnly bool, path *field.Path) field.ErrorList {
	if limit.Type == intstr.Int {
		if limit.IntVal < 0 {
			return field.ErrorList{field.Invalid(path, limit.IntVal, "must not be negative; 0 keeps pods out, and no maxReplicas means no limit")}
		}
		return nil
	}
	if numberOnly {
		return field.ErrorList{field.Invalid(path, limit.StrVal, "must be a number for a StatefulSet, whose pods are told apart by ordinal; write one, such as 5, without quotes")}
	}
	if _, ok := percent(limit); !ok {
		return field.ErrorList{field.Invalid(path, limit.StrVal, `must be a number, such as 5 without quotes, or whole percent from "0%" to "100%"`)}
	}
	return nil
}

// percent reads a cap such as "50%".
func percent(limit intstr.IntOrString) (value int, ok bool) {
	digits, isPercent := strings.CutSuffix(limit.StrVal, "%")
	if limit.Type != intstr.String || !isPercent {
		return 0, false
	}
	parsed, err := strconv.ParseUint(digits, 10, 31)
	return int(parsed), err == nil && parsed <= 100 //nolint:gosec // 31 bits fit.
}

func validateOneUnit(subsets []v1alpha1.WorkloadSpreadSubset, path *field.Path) field.ErrorList {
	first := slices.IndexFunc(subsets, func(s v1alpha1.WorkloadSpreadSubset) bool { return s.MaxReplicas != nil })
	for i := first + 1; first >= 0 && i < len(subsets); i++ {
		if limit := subsets[i].MaxReplicas; limit != nil && limit.Type != subsets[first].MaxReplicas.Type {
			return field.ErrorList{field.Invalid(path.Index(i).Child("maxReplicas"), limit.String(),
				fmt.Sprintf("must be of the same kind as %s of subset %q; write all as numbers, or all in percent", subsets[first].MaxReplicas.String(), subsets[first].Name))}
		}
	}
	return nil
}

// validatePercentSum wants percentages to be shares of a whole: not more than
// it, and not less unless the last subset takes the rest.
func validatePercentSum(subsets []v1alpha1.WorkloadSpreadSubset, path *field.Path) field.ErrorList {
	sum, last := 0, len(subsets)-1
	for i := range subsets {
		limit := subsets[i].MaxReplicas
		if limit == nil {
			continue
		}
		value, ok := percent(*limit)
		if !ok {
			return nil
		}
		if sum += value; sum > 100 {
			return field.ErrorList{field.Invalid(path.Index(i).Child("maxReplicas"), limit.String(), fmt.Sprintf("brings the sum to %d%%; lower the percentages to 100%% in all", sum))}
		}
	}
	if limit := subsets[last].MaxReplicas; limit != nil && sum < 100 {
		return field.ErrorList{field.Invalid(path.Index(last).Child("maxReplicas"), limit.String(),
			fmt.Sprintf("leaves %d%% of the pods without a subset; remove it, so that the last subset takes the rest, or raise the percentages to 100%% in all", 100-sum))}
	}
	return nil
}

// validateReach refuses caps that can have no effect.
func validateReach(ws *v1alpha1.WorkloadSpread, path *field.Path) field.ErrorList {
	subsets, last := ws.Spec.Subsets, len(ws.Spec.Subsets)-1
	if ws.Spec.ScheduleStrategy.Type == v1alpha1.AdaptiveWorkloadSpreadScheduleStrategyType {
		if limit := subsets[last].MaxReplicas; limit != nil {
			return field.ErrorList{field.Invalid(path.Index(last).Child("maxReplicas"), limit.String(),
				"must not be set where the strategy is Adaptive, as the last subset takes the pods that others have no room for; remove it, or add a subset after it")}
		}
		return nil
	}
	first := firstUnlimited(subsets)
	for i := first + 1; first >= 0 && i <= last; i++ {
		if subsets[i].MaxReplicas != nil {
			return field.ErrorList{field.Required(path.Index(first).Child("maxReplicas"),
				fmt.Sprintf("without it subset %q takes every pod, and %q never gets one of its %s; give it maxReplicas, or move it to the end", subsets[first].Name, subsets[i].Name, subsets[i].MaxReplicas.String()))}
		}
	}
	return nil
}

// firstUnlimited returns the index of the first subset without a cap, -1 if all have
// one. Unless pods can leave it, no subset after it gets any.
func firstUnlimited(subsets []v1alpha1.WorkloadSpreadSubset) int {
	return slices.IndexFunc(subsets, func(s v1alpha1.WorkloadSpreadSubset) bool { return s.MaxReplicas == nil })
}
