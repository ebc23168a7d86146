package sidecar

import (
	"iter"
	"slices"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/spillway-io/spillway/api"
)

// View is what the controller knows of a SidecarSet and its pods at one time.
// Nothing in it is modified.
type View struct {
	Set *Set
	// Pods are those that Follows, by any order.
	Pods []*corev1.Pod
	// Nodes are those of the pods, by name, as far as known. An unknown node is
	// taken for one where images can be changed.
	Nodes map[string]*corev1.Node
	// Given are what the records of pods say about the set, by UID, as far as
	// somebody has read them already; the others' are read.
	Given map[types.UID]Given
	// Refused are pods that the API server would not have changed a moment ago.
	// They are passed over, so that others get their turn.
	Refused map[types.UID]bool
}

// Plan is what a rollout does next.
type Plan struct {
	// Update are the pods that get new images now, in this order.
	Update []*corev1.Pod
	// Held is how many more would, if maxUnavailable let them.
	Held int
	// Unavailable are the pods that maxUnavailable counts, by namespace and name, and
	// Since is when the last of them was given its version.
	Unavailable []*corev1.Pod
	Since       time.Time
}

// Follows says whether a pod is to follow the set: it has the set in it, and the
// set is about it still. Whether the pod opted in is the caller's to know.
func (s *Set) Follows(pod *corev1.Pod, namespace Namespace) bool {
	finished := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	return !finished && pod.DeletionTimestamp == nil && slices.Contains(SetsIn(pod), s.Name()) && s.Selects(pod, namespace)
}

// Plan says which pods get new images now: those that have another version and
// can follow in place, in the order of the update strategy, but for the
// partition. Of pods that are ready it takes no more than maxUnavailable allows;
// taking one that is not costs nothing, so a good image gets to where a bad one
// hangs.
func (v View) Plan() Plan {
	strategy := &v.Set.Object.Spec.UpdateStrategy
	if v.Set.Err != nil || v.Set.RolloutErr != nil || strategy.Paused || strategy.Type == v1alpha1.NotUpdateSidecarSetStrategyType {
		return Plan{}
	}
	stands := v.stands()
	plan := Plan{}
	for i := range stands {
		if stands[i].disturbed() {
			plan.Unavailable = append(plan.Unavailable, stands[i].pod)
			if stands[i].since.After(plan.Since) {
				plan.Since = stands[i].since
			}
		}
	}
	slices.SortFunc(plan.Unavailable, byPlace)
	waiting := v.waiting(stands)
	waiting = waiting[:max(0, len(waiting)-partitionOf(strategy.Partition, len(v.Pods)))]
	room := maxUnavailableOf(strategy.MaxUnavailable, len(v.Pods)) - len(plan.Unavailable)
	for _, s := range waiting {
		switch {
		case !s.ready:
			plan.Update = append(plan.Update, s.pod)
		case room > 0:
			room--
			plan.Update = append(plan.Update, s.pod)
		default:
			plan.Held++
		}
	}
	return plan
}

// waiting are the pods that are to get new images some time, in order.
func (v View) waiting(stands []stand) []stand {
	waiting := slices.DeleteFunc(slices.Clone(stands), func(s stand) bool {
		return s.updated || s.obstacle != "" || !s.asked || v.Refused[s.pod.UID] ||
			// Its last change is still under way, and may well succeed.
			!s.consistent && s.ready
	})
	waiting = inOrder(waiting, &v.Set.Object.Spec.UpdateStrategy)
	// Whatever the strategy says, what hangs on an earlier version comes first:
	// while it does, nothing else may.
	slices.SortStableFunc(waiting, func(a, b stand) int { return trueFirst(a.disturbed(), b.disturbed()) })
	return waiting
}

// stand is how a pod stands to the set.
type stand struct {
	pod *corev1.Pod
	// updated says that the pod has been given the set's version, and since, when
	// it was given the one it has.
	updated bool
	since   time.Time
	// consistent says that its containers are what was last asked for, and touched
	// that this was asked for after the pod was created.
	consistent, touched bool
	ready               bool
	// asked says that the update strategy's selector is about the pod.
	asked bool
	// obstacle is why the pod cannot follow in place, empty if it can.
	obstacle string
}

// disturbed says whether the pod is unavailable, and maybe because of a version
// of the set. What hangs on an earlier one counts as long as it can follow: what
// cannot would hold back all others for ever.
func (s *stand) disturbed() bool {
	return (s.updated || s.touched && s.asked && s.obstacle == "") && !(s.consistent && s.ready)
}

func (v View) stands() []stand {
	images := imagesOf(v.Set)
	stands := make([]stand, len(v.Pods))
	for i, pod := range v.Pods {
		stands[i] = v.standOf(pod, images)
	}
	return stands
}

// Reasons why a pod cannot follow in place. The first is Kruise's word.
const (
	reasonImmutableField   = "UpdateImmutableField"
	reasonNodeImmutable    = "NodeImmutable"
	reasonUnreadableRecord = "UnreadableRecord"
)

func (v View) standOf(pod *corev1.Pod, images map[string]string) stand {
	s := stand{pod: pod, ready: isReady(pod), asked: selects(v.Set.Object.Spec.UpdateStrategy.Selector, pod.Labels)}
	state := readStates(pod).of(v.Set.Name())
	s.consistent = state.carriedOut(pod)
	given, known := v.Given[pod.UID]
	if !known {
		given = ReadGiven(pod, v.Set.Name())
	}
	if given.Err != nil {
		s.obstacle = reasonUnreadableRecord
		return s
	}
	entry := given.Entry
	s.since = entry.UpdateTimestamp.Time
	s.updated = entry.Hash == v.Set.Hash
	s.touched = entry.Hash != "" && state.Revision == entry.Hash
	switch {
	case s.updated:
	case given.HashWithoutImage != v.Set.HashWithoutImage || !hasAll(pod, images):
		s.obstacle = reasonImmutableField
	case hasFixedImages(v.Nodes[pod.Spec.NodeName]):
		s.obstacle = reasonNodeImmutable
	}
	return s
}

// imagesOf are the images of a set's containers that run beside the app, by name.
// Other init containers have run when a pod could follow.
func imagesOf(set *Set) map[string]string {
	images := map[string]string{}
	for i := range set.Object.Spec.InitContainers {
		if c := &set.Object.Spec.InitContainers[i]; isNative(&c.Container) {
			images[c.Name] = c.Image
		}
	}
	for i := range set.Object.Spec.Containers {
		images[set.Object.Spec.Containers[i].Name] = set.Object.Spec.Containers[i].Image
	}
	return images
}

// hasAll says whether containers of all these names run beside the app.
func hasAll(pod *corev1.Pod, images map[string]string) bool {
	found := 0
	for c := range runningIn(&pod.Spec) {
		if _, wanted := images[c.Name]; wanted {
			found++
		}
	}
	return found == len(images)
}

// runningIn are the containers of a pod that run all the time: native sidecars,
// and those that are no init containers.
func runningIn(spec *corev1.PodSpec) iter.Seq[*corev1.Container] {
	return func(yield func(*corev1.Container) bool) {
		for i := range spec.InitContainers {
			if c := &spec.InitContainers[i]; isNative(c) && !yield(c) {
				return
			}
		}
		for i := range spec.Containers {
			if !yield(&spec.Containers[i]) {
				return
			}
		}
	}
}

// hasFixedImages says whether a new image would never get to the containers on
// the node. Virtual nodes of other products do not pass it on.
func hasFixedImages(node *corev1.Node) bool {
	return node != nil && node.Labels[api.NodeTypeLabel] == api.NodeTypeVirtual &&
		!slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool {
			return t.Key == api.ProviderTaintKey && t.Value == api.ProviderTaintValue
		})
}

func isReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// partitionOf is how many pods keep what they have. A percentage is rounded up,
// but below 100 % one of several pods may always go.
func partitionOf(partition *intstr.IntOrString, total int) int {
	if partition == nil {
		return 0
	}
	keep, err := intstr.GetScaledValueFromIntOrPercent(partition, total, true)
	if err != nil {
		return total
	}
	if partition.Type == intstr.String && percentOf(partition) < 100 && total > 1 {
		keep = min(keep, total-1)
	}
	return max(0, keep)
}

// maxUnavailableOf is how many pods may be unavailable because of the set. A
// percentage is rounded up.
func maxUnavailableOf(most *intstr.IntOrString, total int) int {
	if most == nil {
		return 1
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(most, total, true)
	if err != nil {
		return 0
	}
	return n
}
