package sidecar

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openkruise/kruise-api/apps/pub"
	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// inOrder sorts pods by how soon they get new images: first those whose loss
// costs least, then by priority, and then scattered.
func inOrder(pods []stand, strategy *v1alpha1.SidecarSetUpdateStrategy) []stand {
	slices.SortFunc(pods, func(a, b stand) int { return byCost(a.pod, b.pod) })
	pods = byPriority(pods, strategy.PriorityStrategy)
	for _, term := range strategy.ScatterStrategy {
		if term.Value == "*" {
			pods = byTurns(pods, term.Key)
		} else {
			pods = scatter(pods, term)
		}
	}
	return pods
}

// byCost compares pods as controllers of workloads do that have to delete some:
//
//	not bound before bound
//	pending before unknown before running
//	not ready before ready
//	ready for a shorter time before longer
//	restarted more often before less
//	younger before older
//
// and then by name, so that the order is always the same.
func byCost(a, b *corev1.Pod) int {
	return cmp.Or(
		trueFirst(a.Spec.NodeName == "", b.Spec.NodeName == ""),
		cmp.Compare(phaseRank(a), phaseRank(b)),
		trueFirst(!isReady(a), !isReady(b)),
		laterFirst(readySince(a), readySince(b)),
		cmp.Compare(restarts(b), restarts(a)),
		laterFirst(a.CreationTimestamp.Time, b.CreationTimestamp.Time),
		byPlace(a, b),
	)
}

func byPlace(a, b *corev1.Pod) int {
	return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
}

func trueFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// laterFirst has an unknown time come before all others.
func laterFirst(a, b time.Time) int {
	if a.IsZero() || b.IsZero() {
		return trueFirst(a.IsZero(), b.IsZero())
	}
	return b.Compare(a)
}

func phaseRank(pod *corev1.Pod) int {
	switch pod.Status.Phase {
	case corev1.PodRunning:
		return 2
	case corev1.PodUnknown:
		return 1
	default:
		return 0
	}
}

func readySince(pod *corev1.Pod) time.Time {
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return c.LastTransitionTime.Time
		}
	}
	return time.Time{}
}

func restarts(pod *corev1.Pod) int32 {
	var most int32
	for i := range pod.Status.ContainerStatuses {
		most = max(most, pod.Status.ContainerStatuses[i].RestartCount)
	}
	return most
}

// byPriority sorts by priority, and leaves the order among equals. Weights: the
// higher sum first. Orders: pods without any of the keys first, as with Kruise,
// then those with the first key, and so on; of one key the higher number first.
func byPriority(pods []stand, strategy *pub.UpdatePriorityStrategy) []stand {
	if strategy == nil {
		return pods
	}
	type rank struct {
		weight int32
		level  int
		number int64
	}
	ranks := make(map[types.UID]rank, len(pods))
	for i := range pods {
		labels := pods[i].pod.Labels
		r := rank{weight: weightOf(labels, strategy.WeightPriority)}
		if len(strategy.WeightPriority) == 0 {
			r.level, r.number = orderOf(labels, strategy.OrderPriority)
		}
		ranks[pods[i].pod.UID] = r
	}
	slices.SortStableFunc(pods, func(a, b stand) int {
		x, y := ranks[a.pod.UID], ranks[b.pod.UID]
		return cmp.Or(cmp.Compare(y.weight, x.weight), cmp.Compare(x.level, y.level), cmp.Compare(y.number, x.number))
	})
	return pods
}

func weightOf(labels map[string]string, terms []pub.UpdatePriorityWeightTerm) int32 {
	var sum int32
	for i := range terms {
		if selects(&terms[i].MatchSelector, labels) {
			sum += terms[i].Weight
		}
	}
	return sum
}

func orderOf(labels map[string]string, terms []pub.UpdatePriorityOrderTerm) (level int, number int64) {
	for i := range terms {
		if value, ok := labels[terms[i].OrderedKey]; ok {
			return i, trailingNumber(value)
		}
	}
	return -1, 0
}

// trailingNumber is the number that a label's value ends with, as in web-10; 0 if
// it ends with none.
func trailingNumber(value string) int64 {
	digits := value[len(strings.TrimRight(value, "0123456789")):]
	number, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0
	}
	return number
}

// byTurns has the values of a label take turns, each in proportion to how many
// pods have it. Pods without the label count as if they had one more value.
func byTurns(pods []stand, key string) []stand {
	type group struct {
		value string
		ok    bool
	}
	groupOf := func(s stand) group {
		value, ok := s.pod.Labels[key]
		return group{value, ok}
	}
	sizes, seen := map[group]int{}, map[group]int{}
	for i := range pods {
		sizes[groupOf(pods[i])]++
	}
	places := make(map[types.UID]float64, len(pods))
	for i := range pods {
		g := groupOf(pods[i])
		// The middle of the i-th of as many equal parts as the group has pods.
		places[pods[i].pod.UID] = (float64(seen[g]) + 0.5) / float64(sizes[g])
		seen[g]++
	}
	slices.SortStableFunc(pods, func(a, b stand) int { return cmp.Compare(places[a.pod.UID], places[b.pod.UID]) })
	return pods
}

func hasLabel(pod *corev1.Pod, term v1alpha1.UpdateScatterTerm) bool {
	value, ok := pod.Labels[term.Key]
	return ok && value == term.Value
}

// scatter spreads the pods that have a label evenly over the others: of ten pods
// of which three have it, those become the first, the sixth and the last.
func scatter(pods []stand, term v1alpha1.UpdateScatterTerm) []stand {
	var matched, others []stand
	for i := range pods {
		if hasLabel(pods[i].pod, term) {
			matched = append(matched, pods[i])
		} else {
			others = append(others, pods[i])
		}
	}
	if len(matched) < 2 || len(others) < 2 {
		return pods
	}
	last, steps := len(pods)-1, len(matched)-1
	scattered := make([]stand, 0, len(pods))
	for i := range matched {
		// The i-th one's place, rounded to the nearest.
		place := (2*i*last + steps) / (2 * steps)
		before := place - len(scattered)
		scattered = append(append(scattered, others[:before]...), matched[i])
		others = others[before:]
	}
	return scattered
}
