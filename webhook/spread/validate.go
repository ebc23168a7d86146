package spread

import (
	"fmt"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/spillway-io/spillway/api"
)

// Known is what Validate is told of a WorkloadSpread's surroundings. The zero
// value means that nothing is known; rules that need it then do not apply.
type Known struct {
	// Others are the WorkloadSpreads of the same namespace. The one that is
	// validated may be among them.
	Others []v1alpha1.WorkloadSpread
	// Template is that of the target's pods.
	Template *corev1.PodTemplateSpec
	// Claims are the names of the target's volume claim templates, which its
	// pods have as volumes.
	Claims []string
}

// Validate returns what is wrong with a new WorkloadSpread, under the names that
// its fields have in apps.kruise.io/v1alpha1. Every message says what to write
// instead.
//
// The rules are Kruise's and those that it lacks: what could be accepted and yet
// never work is refused. Kruise's upper limit of rescheduleCriticalSeconds,
// floor(295/(n-1)) for n subsets, is left out on purpose: it comes from a window
// of 300 s after which Kruise tries a subset again with all pods, and is too
// short for node autoscalers. Here one pod tries, after a backoff of its own.
func Validate(ws *v1alpha1.WorkloadSpread, known Known) field.ErrorList {
	spec := field.NewPath("spec")
	errs := validateTarget(ws.Spec.TargetReference, spec.Child("targetRef"))
	errs = append(errs, validateOnlyOne(ws, known.Others, spec.Child("targetRef"))...)
	errs = append(errs, validateFilter(ws.Spec.TargetFilter, spec.Child("targetFilter"))...)
	errs = append(errs, validateStrategy(ws.Spec.ScheduleStrategy, spec.Child("scheduleStrategy"))...)
	errs = append(errs, validateSubsets(ws.Spec.Subsets, known, spec.Child("subsets"))...)
	errs = append(errs, validateCaps(ws, spec.Child("subsets"))...)
	errs = append(errs, validateVirtualSubsets(ws)...)
	return append(errs, validateReturn(ws)...)
}

// ValidateUpdate returns what is wrong with a change. What did not change is not
// judged again: a finalizer must come off and a label go on also where the
// surroundings, or these rules, have changed since the object was accepted.
func ValidateUpdate(ws, old *v1alpha1.WorkloadSpread, known Known) field.ErrorList {
	if ws.DeletionTimestamp != nil || sameAnnotations(ws, old) && equality.Semantic.DeepEqual(ws.Spec, old.Spec) {
		return nil
	}
	errs := validateSameTarget(ws, old, field.NewPath("spec", "targetRef"))
	return append(errs, Validate(ws, known)...)
}

// sameAnnotations compares those that are judged.
func sameAnnotations(a, b *v1alpha1.WorkloadSpread) bool {
	for _, key := range []string{api.VirtualSubsetsAnnotation, api.ReturnToBaseAnnotation} {
		before, had := a.Annotations[key]
		if after, has := b.Annotations[key]; before != after || had != has {
			return false
		}
	}
	return true
}

// Warnings names what a valid WorkloadSpread says in vain.
func Warnings(ws *v1alpha1.WorkloadSpread) []string {
	var warnings []string
	subsets := ws.Spec.Subsets
	strategy := ws.Spec.ScheduleStrategy
	isAdaptive := strategy.Type == v1alpha1.AdaptiveWorkloadSpreadScheduleStrategyType
	for i := range subsets {
		if isBare(&subsets[i]) {
			warnings = append(warnings, fmt.Sprintf("spec.subsets[%d]: subset %q selects no nodes and patches nothing: its pods run wherever they would have run without it", i, subsets[i].Name))
		}
		if firstUnlimited(subsets) == i && i < len(subsets)-1 && !isAdaptive {
			warnings = append(warnings, fmt.Sprintf("spec.subsets[%d].maxReplicas: without it subset %q takes every pod, and those after it get none, unless its virtual nodes are all cordoned; give it maxReplicas, or set spec.scheduleStrategy.type to Adaptive", i, subsets[i].Name))
		}
	}
	if isAdaptive && (strategy.Adaptive == nil || strategy.Adaptive.RescheduleCriticalSeconds == nil || *strategy.Adaptive.RescheduleCriticalSeconds == 0) {
		warnings = append(warnings, "spec.scheduleStrategy.adaptive.rescheduleCriticalSeconds: without it no pod that cannot be scheduled moves to another subset")
	}
	return append(warnings, warnOfReturn(ws)...)
}

func warnOfReturn(ws *v1alpha1.WorkloadSpread) []string {
	if after, err := ReturnAfter(ws); err != nil || after == 0 {
		return nil
	}
	path := field.NewPath("metadata", "annotations").Key(api.ReturnToBaseAnnotation)
	filter := ws.Spec.TargetFilter
	if !CanReturn(ws) {
		return []string{fmt.Sprintf("%s: pods of a %s do not return to earlier subsets", path, ws.Spec.TargetReference.Kind)}
	}
	if !IsKnown(TargetKind(ws)) && !UsesPercent(ws) && (filter == nil || len(filter.ReplicasPathList) == 0) {
		return []string{fmt.Sprintf("%s: no pod returns while it is not known how many the target wants; set spec.targetFilter.replicasPathList", path)}
	}
	if _, moves := PatienceOf(ws); !moves {
		return []string{fmt.Sprintf("%s: a pod that returns to a subset whose nodes are full stays Pending; set spec.scheduleStrategy.type to Adaptive, with rescheduleCriticalSeconds", path)}
	}
	return nil
}

func isBare(subset *v1alpha1.WorkloadSpreadSubset) bool {
	patch, err := decodePatch(subset.Patch.Raw)
	return asksNothing(subset.RequiredNodeSelectorTerm) && len(subset.PreferredNodeSelectorTerms) == 0 && len(subset.Tolerations) == 0 && err == nil && len(patch) == 0
}

func validateStrategy(strategy v1alpha1.WorkloadSpreadScheduleStrategy, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	types := []v1alpha1.WorkloadSpreadScheduleStrategyType{v1alpha1.AdaptiveWorkloadSpreadScheduleStrategyType, v1alpha1.FixedWorkloadSpreadScheduleStrategyType}
	switch strategy.Type {
	case v1alpha1.AdaptiveWorkloadSpreadScheduleStrategyType:
	case "", v1alpha1.FixedWorkloadSpreadScheduleStrategyType:
		if strategy.Adaptive != nil {
			errs = append(errs, field.Invalid(path.Child("type"), strategy.Type, "must be Adaptive where scheduleStrategy.adaptive is given; set it, or remove adaptive"))
		}
	default:
		errs = append(errs, field.NotSupported(path.Child("type"), strategy.Type, types))
	}
	if a := strategy.Adaptive; a != nil && a.RescheduleCriticalSeconds != nil && *a.RescheduleCriticalSeconds < 0 {
		errs = append(errs, field.Invalid(path.Child("adaptive", "rescheduleCriticalSeconds"), *a.RescheduleCriticalSeconds, "must not be negative; 0 turns rescheduling off"))
	}
	return errs
}

func validateVirtualSubsets(ws *v1alpha1.WorkloadSpread) field.ErrorList {
	path := field.NewPath("metadata", "annotations").Key(api.VirtualSubsetsAnnotation)
	names := sets.New[string]()
	for i := range ws.Spec.Subsets {
		names.Insert(ws.Spec.Subsets[i].Name)
	}
	var errs field.ErrorList
	for listed := range strings.SplitSeq(ws.Annotations[api.VirtualSubsetsAnnotation], ",") {
		if name := strings.TrimSpace(listed); name != "" && !names.Has(name) {
			errs = append(errs, field.Invalid(path, name, fmt.Sprintf("names no subset; write the names of subsets, separated by commas: %s", strings.Join(sets.List(names), ", "))))
		}
	}
	return errs
}

func validateReturn(ws *v1alpha1.WorkloadSpread) field.ErrorList {
	if _, err := ReturnAfter(ws); err != nil {
		path := field.NewPath("metadata", "annotations").Key(api.ReturnToBaseAnnotation)
		return field.ErrorList{field.Invalid(path, ws.Annotations[api.ReturnToBaseAnnotation], "must be a duration longer than 0, such as 10m or 1h30m")}
	}
	return nil
}
