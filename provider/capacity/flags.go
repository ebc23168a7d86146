package capacity

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

// ParseTolerated reads taints to tolerate, as a flag has them:
//
//	key=value:effect  that taint
//	key=value         with any effect
//	key:effect        with any value
//	key               with any value and effect
//
// The effect is NoSchedule or NoExecute; others keep nothing off. Errors begin
// with the flag's name.
func ParseTolerated(flag string, taints []string) ([]corev1.Toleration, error) {
	var tolerated []corev1.Toleration
	var errs []error
	for _, taint := range taints {
		toleration, problem := parseToleration(taint)
		if problem != "" {
			errs = append(errs, fmt.Errorf("%s %q: %s", flag, taint, problem))
			continue
		}
		tolerated = append(tolerated, toleration)
	}
	return tolerated, errors.Join(errs...)
}

func parseToleration(taint string) (t corev1.Toleration, problem string) {
	rest, effect, hasEffect := strings.Cut(taint, ":")
	key, value, hasValue := strings.Cut(rest, "=")
	t = corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffect(effect)}
	if hasValue {
		t.Operator, t.Value = corev1.TolerationOpEqual, value
	}
	problems := append(validation.IsQualifiedName(key), validation.IsValidLabelValue(value)...)
	if hasEffect && t.Effect != corev1.TaintEffectNoSchedule && t.Effect != corev1.TaintEffectNoExecute {
		problems = append(problems, fmt.Sprintf("the effect is %s or %s", corev1.TaintEffectNoSchedule, corev1.TaintEffectNoExecute))
	}
	return t, strings.Join(problems, "; ")
}

// ParseResources reads quantities by resource name, as a flag has them: cpu=2,
// memory=4Gi. They may be zero, but not negative, and only CPU has fractions.
// Errors begin with the flag's name.
func ParseResources(flag string, quantities map[string]string) (corev1.ResourceList, error) {
	resources := make(corev1.ResourceList, len(quantities))
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(quantities)) {
		quantity, problem := parseQuantity(name, quantities[name])
		if problem != "" {
			errs = append(errs, fmt.Errorf("%s %s=%s: %s", flag, name, quantities[name], problem))
			continue
		}
		resources[corev1.ResourceName(name)] = quantity
	}
	return resources, errors.Join(errs...)
}

func parseQuantity(name, text string) (q resource.Quantity, problem string) {
	if problems := validation.IsQualifiedName(name); len(problems) > 0 {
		return q, strings.Join(problems, "; ")
	}
	q, err := resource.ParseQuantity(text)
	switch {
	case err != nil:
		return q, "not a quantity such as 2, 500m or 4Gi"
	case q.Sign() < 0:
		return q, "less than nothing"
	case corev1.ResourceName(name) == corev1.ResourceCPU:
		return q, ""
	}
	if whole := q.DeepCopy(); !whole.RoundUp(0) {
		return q, "not a whole number"
	}
	return q, ""
}
