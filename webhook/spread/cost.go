package spread

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// costStep is what lies between the deletion costs of neighbouring subsets. The
// numbers are Kruise's.
const costStep = 100

// Cost is a deletion cost that a pod should have and has not.
type Cost struct {
	Pod *corev1.Pod
	// Value is that of the annotation controller.kubernetes.io/pod-deletion-cost;
	// of pods that are equally far, those with the smallest go first.
	Value string
}

// Costs returns the deletion costs that make a scale-in take surplus pods first,
// then those of later subsets, and with them the virtual ones: of n subsets, the
// pods of the i-th, counted from 0, cost 100*(n-i), those beyond its maxReplicas
// -100*(i+1), and pods of no subset -100*(n+1). Pods of old versions have the
// order of subsets turned round, since a rollout that scales them in makes room
// for new ones in the first subsets first.
//
// There are none for workloads that do not read deletion costs, or whose latest
// version is not known.
func (v View) Costs() []Cost {
	if v.Target.Version == "" || !readsCosts(v.Spread) {
		return nil
	}
	var costs []Cost
	for version, subsets := range v.activeByVersion() {
		n := len(v.Spread.Spec.Subsets)
		for i := range v.Spread.Spec.Subsets {
			rank := i
			if version != v.Target.Version {
				rank = n - 1 - i
			}
			pods := subsets[v.Spread.Spec.Subsets[i].Name]
			surplus := v.surplus(i, len(pods))
			slices.SortStableFunc(pods, GoesBefore)
			costs = appendCosts(costs, pods[:surplus], -costStep*(rank+1))
			costs = appendCosts(costs, pods[surplus:], costStep*(n-rank))
		}
		costs = appendCosts(costs, subsets[FakeSubset], -costStep*(n+1))
	}
	slices.SortFunc(costs, func(a, b Cost) int { return cmp.Compare(a.Pod.Name, b.Pod.Name) })
	return costs
}

// newPodCost is what a pod costs that is being created in a subset: it is of the
// latest version, as good as always, and within maxReplicas. To say so at once
// saves a patch for each pod. It is false for workloads that do not read it.
func newPodCost(ws *v1alpha1.WorkloadSpread, subset string) (cost string, reads bool) {
	i := indexOf(ws, subset)
	if i < 0 || !readsCosts(ws) {
		return "", false
	}
	return strconv.Itoa(costStep * (len(ws.Spec.Subsets) - i)), true
}

// readsCosts says whether the target's controller goes by deletion costs.
func readsCosts(ws *v1alpha1.WorkloadSpread) bool {
	return isVersioned(TargetKind(ws)) || isCloneSet(TargetKind(ws))
}

// surplus is how many of so many pods are more than the i-th subset may have.
func (v View) surplus(i, pods int) int {
	most, limited, err := Cap(&v.Spread.Spec.Subsets[i], v.Target.Replicas)
	if !limited || err != nil {
		return 0
	}
	return min(pods, max(0, pods-most))
}

func appendCosts(costs []Cost, pods []*corev1.Pod, value int) []Cost {
	text := strconv.Itoa(value)
	for _, pod := range pods {
		if pod.Annotations[corev1.PodDeletionCost] != text {
			costs = append(costs, Cost{Pod: pod, Value: text})
		}
	}
	return costs
}

// GoesBefore is the order in which Kubernetes' own controllers delete pods of
// equal cost: not bound first, then by phase, not ready first, ready for a
// shorter time first, more restarts first, younger first. The name makes it an
// order: without it equal pods would change places, and costs, for ever.
func GoesBefore(a, b *corev1.Pod) int {
	return cmp.Or(
		falseFirst(a.Spec.NodeName != "", b.Spec.NodeName != ""),
		cmp.Compare(phaseRank(a), phaseRank(b)),
		falseFirst(isReady(a), isReady(b)),
		youngerFirst(readySince(a), readySince(b)),
		cmp.Compare(restarts(b), restarts(a)),
		youngerFirst(a.CreationTimestamp, b.CreationTimestamp),
		cmp.Compare(a.Name, b.Name),
	)
}

func falseFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// youngerFirst has the zero time first, as Kubernetes does.
func youngerFirst(a, b metav1.Time) int {
	switch {
	case a.Time.Equal(b.Time):
		return 0
	case a.IsZero(), !b.IsZero() && b.Before(&a):
		return -1
	default:
		return 1
	}
}

func phaseRank(pod *corev1.Pod) int {
	switch pod.Status.Phase {
	case corev1.PodPending, "":
		return 0
	case corev1.PodUnknown:
		return 1
	case corev1.PodRunning, corev1.PodSucceeded, corev1.PodFailed:
		return 2
	}
	return 2
}

func isReady(pod *corev1.Pod) bool {
	c := conditionOf(pod, corev1.PodReady)
	return c != nil && c.Status == corev1.ConditionTrue
}

// readySince is zero for a pod that is not ready.
func readySince(pod *corev1.Pod) metav1.Time {
	if !isReady(pod) {
		return metav1.Time{}
	}
	return conditionOf(pod, corev1.PodReady).LastTransitionTime
}

// restarts is the largest number among the containers.
func restarts(pod *corev1.Pod) int32 {
	var most int32
	for i := range pod.Status.ContainerStatuses {
		most = max(most, pod.Status.ContainerStatuses[i].RestartCount)
	}
	return most
}
