package spread

import (
	"fmt"
	"strings"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"github.com/spillway-io/spillway/api"
)

// What makes a subset the better one for a pod that is bound already. The
// numbers are Kruise's: a preferred node outweighs a patch that fits, and that
// outweighs room.
const (
	scorePreference = 100
	scorePatch      = 10
	scoreRoom       = 1
)

// Adoption is what an adopted pod gets: the subset whose pods look most like it.
type Adoption struct {
	Subset string
	// Labels and Annotations are to be set, or removed where the value is nil.
	// They include the annotation that makes the pod one of the subset.
	Labels, Annotations map[string]*string
}

// Orphan says whether a pod is to be adopted: it is bound, and no WorkloadSpread
// chose a subset for it, since it is older or found no room. A pod whose subset
// was removed is not: to what is running now, the choice made then still applies.
func (v View) Orphan(pod *corev1.Pod) bool {
	match, ok := MatchOf(pod)
	return IsActive(pod) && pod.Spec.NodeName != "" && (!ok || match.Name != v.Spread.Name)
}

// Adopt chooses a subset for an orphan, which must be the whole pod, on its
// node. ok is false if no subset would have let the pod onto that node; the error
// tells of a subset that cannot be read.
func (v View) Adopt(pod *corev1.Pod, node *corev1.Node) (a Adoption, ok bool, err error) {
	var best *v1alpha1.WorkloadSpreadSubset
	bestScore := -1
	for i := range v.Spread.Spec.Subsets {
		subset := &v.Spread.Spec.Subsets[i]
		admits, err := admitsTo(subset, pod, node)
		if err != nil {
			return Adoption{}, false, fmt.Errorf("spec.subsets[%d]: %w", i, err)
		}
		if !admits {
			continue
		}
		score, err := v.score(i, pod, node)
		if err != nil {
			return Adoption{}, false, fmt.Errorf("spec.subsets[%d]: %w", i, err)
		}
		if score > bestScore {
			best, bestScore = subset, score
		}
	}
	if best == nil {
		return Adoption{}, false, nil
	}
	a, err = v.adoption(best, pod)
	return a, err == nil, err
}

// admitsTo says whether a pod of the subset could be on that node. The pod's own
// affinity does not matter: it had its say when the pod was bound.
func admitsTo(subset *v1alpha1.WorkloadSpreadSubset, pod *corev1.Pod, node *corev1.Node) (bool, error) {
	for i := range node.Spec.Taints {
		taint := &node.Spec.Taints[i]
		if keepsOff(taint) && !tolerated(taint, pod.Spec.Tolerations) && !tolerated(taint, subset.Tolerations) {
			return false, nil
		}
	}
	term := subset.RequiredNodeSelectorTerm
	if asksNothing(term) {
		return true, nil
	}
	selector, err := nodeaffinity.NewNodeSelector(&corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{*term}})
	if err != nil {
		return false, fmt.Errorf("requiredNodeSelectorTerm: %w", err)
	}
	return selector.Match(node), nil
}

// keepsOff leaves out the taints that Kubernetes itself sets while a node is not
// ready, cordoned or short of something: they say nothing about whose node it is.
func keepsOff(taint *corev1.Taint) bool {
	return taint.Effect != corev1.TaintEffectPreferNoSchedule && !strings.HasPrefix(taint.Key, "node.kubernetes.io/")
}

// tolerated takes a comparison for true, since the pod is there.
func tolerated(taint *corev1.Taint, tolerations []corev1.Toleration) bool {
	for _, t := range tolerations {
		if t.Effect != "" && t.Effect != taint.Effect || t.Key != "" && t.Key != taint.Key {
			continue
		}
		isEqual := t.Operator == "" || t.Operator == corev1.TolerationOpEqual
		if !isEqual || t.Value == taint.Value {
			return true
		}
	}
	return false
}

func (v View) score(i int, pod *corev1.Pod, node *corev1.Node) (int, error) {
	subset := &v.Spread.Spec.Subsets[i]
	preferred, err := nodeaffinity.NewPreferredSchedulingTerms(subset.PreferredNodeSelectorTerms)
	if err != nil {
		return 0, fmt.Errorf("preferredNodeSelectorTerms: %w", err)
	}
	score := int(preferred.Score(node)) * scorePreference
	fits, err := alreadyPatched(subset, pod)
	if err != nil {
		return 0, fmt.Errorf("patch: %w", err)
	}
	if fits {
		score += scorePatch
	}
	if free, limited := v.free(i, VersionOf(v.Spread, pod)); free > 0 || !limited {
		score += scoreRoom
	}
	return score, nil
}

// alreadyPatched says whether the subset's patch would change nothing of the pod
// but annotations.
func alreadyPatched(subset *v1alpha1.WorkloadSpreadSubset, pod *corev1.Pod) (bool, error) {
	if len(subset.Patch.Raw) == 0 {
		return false, nil
	}
	after, _, err := applyPatch(pod, subset.Patch.Raw)
	if err != nil {
		return false, err
	}
	after.Annotations = pod.Annotations
	return apiequality.Semantic.DeepEqual(pod, after), nil
}

// adoption is the subset's annotation and, unless the WorkloadSpread wants none
// of it, the labels and annotations of its patch that the pod has not.
func (v View) adoption(subset *v1alpha1.WorkloadSpreadSubset, pod *corev1.Pod) (Adoption, error) {
	match, err := Match{Name: v.Spread.Name, Subset: subset.Name}.Annotation()
	if err != nil {
		return Adoption{}, err
	}
	a := Adoption{Subset: subset.Name, Annotations: map[string]*string{api.MatchedWorkloadSpreadAnnotation: &match}}
	if v.Spread.Annotations[api.IgnorePatchMetadataAnnotation] == "true" || len(subset.Patch.Raw) == 0 {
		return a, nil
	}
	after, _, err := applyPatch(pod, subset.Patch.Raw)
	if err != nil {
		return Adoption{}, fmt.Errorf("patch: %w", err)
	}
	a.Labels = addChanges(nil, pod.Labels, after.Labels)
	a.Annotations = addChanges(a.Annotations, pod.Annotations, after.Annotations)
	return a, nil
}

// addChanges adds what differs after a patch, but for what is reserved.
func addChanges(changes map[string]*string, before, after map[string]string) map[string]*string {
	set := func(key string, value *string) {
		if isReserved(key) {
			return
		}
		if changes == nil {
			changes = map[string]*string{}
		}
		changes[key] = value
	}
	for key, value := range after {
		if was, had := before[key]; !had || was != value {
			set(key, &value)
		}
	}
	for key := range before {
		if _, has := after[key]; !has {
			set(key, nil)
		}
	}
	return changes
}

// isReserved says whether a label or annotation means something that was settled
// when the pod was created: who handles and who owns it, and its stash.
func isReserved(key string) bool {
	switch key {
	case api.OptInLabel, api.StashAnnotation, api.StashMarkerAnnotation, api.MatchedWorkloadSpreadAnnotation,
		api.UpstreamLabel, api.VirtualNodeLabel, api.UpstreamUIDAnnotation,
		appsv1.DefaultDeploymentUniqueLabelKey, appsv1.ControllerRevisionHashLabelKey, appsv1.StatefulSetPodNameLabel:
		return true
	default:
		return false
	}
}
