package spread

import (
	"fmt"
	"maps"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
)

// Place writes the chosen subset into a pod: the patch first, then the required
// term into every alternative, the preferred terms, the tolerations, the deletion
// cost, and last of all the annotation that says so, which no patch can forge. The order makes a
// patch that clears the workload's own affinity and a term that pins the pod
// work together. Placing a placed pod changes nothing.
//
// The warnings name what of the patch has no effect. The error names the patch
// that cannot be applied by its place in the WorkloadSpread. The result shares
// the parts it did not change with pod, which is not modified; a Decision
// without a subset changes nothing.
func Place(pod *corev1.Pod, d Decision) (placed *corev1.Pod, warnings []string, err error) {
	if d.Subset == nil {
		return pod, nil, nil
	}
	match, err := Match{Name: d.Spread.Name, Subset: d.Subset.Name, UID: d.UID}.Annotation()
	if err != nil {
		return nil, nil, err
	}
	placed, ignored, err := applyPatch(pod, d.Subset.Patch.Raw)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot apply %s: %w", patchPath(d), err)
	}
	for _, field := range ignored {
		warnings = append(warnings, fmt.Sprintf("%s: no effect: %s", patchPath(d), field))
	}
	placed.Spec.Affinity = prefer(Require(placed.Spec.Affinity, d.Subset.RequiredNodeSelectorTerm), d.Subset.PreferredNodeSelectorTerms)
	placed.Spec.Tolerations = union(placed.Spec.Tolerations, d.Subset.Tolerations, sameToleration)
	if cost, reads := newPodCost(d.Spread, d.Subset.Name); reads && placed.Annotations[corev1.PodDeletionCost] != cost {
		placed.Annotations = with(placed.Annotations, corev1.PodDeletionCost, cost)
	}
	if placed.Annotations[api.MatchedWorkloadSpreadAnnotation] != match {
		placed.Annotations = with(placed.Annotations, api.MatchedWorkloadSpreadAnnotation, match)
	}
	return placed, warnings, nil
}

// patchPath tells the owner of a WorkloadSpread which of its patches is meant.
func patchPath(d Decision) string {
	return fmt.Sprintf("spec.subsets[%d].patch of WorkloadSpread %q", indexOf(d.Spread, d.Subset.Name), nameOf(d.Spread))
}

func nameOf(ws *v1alpha1.WorkloadSpread) string { return ws.Namespace + "/" + ws.Name }

// with returns a copy of values in which key has the value.
func with(values map[string]string, key, value string) map[string]string {
	values = maps.Clone(values)
	if values == nil {
		values = make(map[string]string, 1)
	}
	values[key] = value
	return values
}
