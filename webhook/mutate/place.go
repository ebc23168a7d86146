package mutate

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/spread"
	"github.com/spillway-io/spillway/webhook/stash"
)

// place writes into the pod what sends it to its destination. What is there
// already is not added again. The error is the WorkloadSpread's.
func place(pod *corev1.Pod, found stash.Stash, to destination) (placed *corev1.Pod, warnings []string, err error) {
	switch {
	case to.subset != nil:
		placed, warnings, err = placeInSubset(pod, &found, to)
		if err != nil {
			return nil, nil, err
		}
	case to.spread != nil:
		placed = withoutMatch(pod)
	default:
		placed = new(*pod)
	}
	if to.tolerates {
		placed.Spec.Tolerations = tolerateProvider(placed.Spec.Tolerations)
	}
	// A stash that we made ourselves must not reach a machine. Where somebody else
	// made it, a WorkloadSpread says well enough where the pod may run.
	if to.stashes && (found.Origin != stash.Supplied || to.spread == nil) {
		placed.Spec.Affinity = requireVirtualNode(placed.Spec)
	}
	return placed, append(warnings, unknownFields(found)...), nil
}

// placeInSubset refuses what the API server would refuse because of the subset:
// the pod has done nothing wrong. found becomes the stash that the subset's
// patch brings, if it does.
func placeInSubset(pod *corev1.Pod, found *stash.Stash, to destination) (placed *corev1.Pod, warnings []string, err error) {
	placed, warnings, err = spread.Place(pod, *to.spread)
	if err != nil {
		return nil, nil, err
	}
	refused := func(err error) error {
		ws := to.spread.Spread
		return fmt.Errorf("subset %q of WorkloadSpread \"%s/%s\": %w", to.subset.Name, ws.Namespace, ws.Name, err)
	}
	if to.supplies {
		if *found, err = stash.Read(placed); err != nil {
			return nil, nil, refused(err)
		}
	}
	if errs := stash.FieldsOf(&placed.Spec).Validate(field.NewPath("spec")); len(errs) > 0 && len(stash.FieldsOf(&pod.Spec).Validate(nil)) == 0 {
		return nil, nil, refused(errs.ToAggregate())
	}
	return placed, warnings, nil
}

// withoutMatch removes a record of a choice that was not made for this pod, such
// as one in a workload's template: it would be counted.
func withoutMatch(pod *corev1.Pod) *corev1.Pod {
	unmatched := *pod
	if _, matched := pod.Annotations[api.MatchedWorkloadSpreadAnnotation]; matched {
		unmatched.Annotations = maps.Clone(pod.Annotations)
		delete(unmatched.Annotations, api.MatchedWorkloadSpreadAnnotation)
	}
	return &unmatched
}

// tolerateProvider adds the toleration of the virtual nodes' taint, unless a
// toleration covers it already.
func tolerateProvider(tolerations []corev1.Toleration) []corev1.Toleration {
	if slices.ContainsFunc(tolerations, toleratesProvider) {
		return tolerations
	}
	return append(slices.Clip(tolerations), corev1.Toleration{
		Key:      api.ProviderTaintKey,
		Operator: corev1.TolerationOpEqual,
		Value:    api.ProviderTaintValue,
		Effect:   corev1.TaintEffectNoSchedule,
	})
}

// toleratesProvider follows the rules of Toleration.ToleratesTaint, which wants
// a logger.
func toleratesProvider(t corev1.Toleration) bool {
	if t.Effect != "" && t.Effect != corev1.TaintEffectNoSchedule {
		return false
	}
	if t.Key != "" && t.Key != api.ProviderTaintKey {
		return false
	}
	return t.Operator == corev1.TolerationOpExists || (t.Operator == "" || t.Operator == corev1.TolerationOpEqual) && t.Value == api.ProviderTaintValue
}

// requireVirtualNode returns the affinity with which the pod runs on a virtual
// node only.
func requireVirtualNode(spec corev1.PodSpec) *corev1.Affinity {
	if spec.NodeSelector[api.NodeTypeLabel] == api.NodeTypeVirtual {
		return spec.Affinity
	}
	return spread.Require(spec.Affinity, &corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{spread.VirtualNodes()}})
}
