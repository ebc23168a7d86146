package spread

import (
	"slices"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

// Reasons of a subset's condition Schedulable.
const (
	// ReasonSufficient, True: pods may come. The word is Kruise's.
	ReasonSufficient = "Sufficient"
	// ReasonPodUnschedulable, False: the subset is passed over, because a pod in
	// it was unschedulable for too long. The word is Kruise's; the message is the
	// scheduler's.
	ReasonPodUnschedulable = "PodUnschedulable"
	// ReasonProbing, Unknown: one pod at a time may find out whether the subset
	// can schedule pods again.
	ReasonProbing = "Probing"
)

// Backoff is how long a closed subset stays closed before a pod may try it: Base
// the first time, and twice as long each time a probe fails, but no longer than
// Max.
type Backoff struct {
	Base, Max time.Duration
}

// After returns the time for the n-th closing, counted from 1.
func (b Backoff) After(n int) time.Duration {
	pause := b.Base
	for ; n > 1 && pause < b.Max; n-- {
		pause *= 2
	}
	return min(pause, b.Max)
}

// Change is a subset that was opened, closed, or given a probe.
type Change struct {
	Subset string
	// From is empty for a subset that had no condition.
	From, To corev1.ConditionStatus
	// Message is that of the new condition.
	Message string
}

// PatienceOf returns how long a pod may be unschedulable before it is moved to
// another subset, and false if pods are not moved.
func PatienceOf(ws *v1alpha1.WorkloadSpread) (patience time.Duration, moves bool) {
	strategy := ws.Spec.ScheduleStrategy
	if strategy.Type != v1alpha1.AdaptiveWorkloadSpreadScheduleStrategyType ||
		strategy.Adaptive == nil || strategy.Adaptive.RescheduleCriticalSeconds == nil {
		return 0, false
	}
	patience = time.Duration(*strategy.Adaptive.RescheduleCriticalSeconds) * time.Second
	return patience, patience > 0
}

// SchedulableOf returns the condition Schedulable of a subset, nil if it has
// none. It is shared by all versions: what the nodes have no room for, the next
// revision will not find room for either.
func SchedulableOf(ws *v1alpha1.WorkloadSpread, subset string) *v1alpha1.WorkloadSpreadSubsetCondition {
	if i := placeOf(ws.Status.SubsetStatuses, subset); i >= 0 {
		return conditionIn(&ws.Status.SubsetStatuses[i], v1alpha1.SubsetSchedulable)
	}
	return nil
}

// placeOf is where a subset's status is; -1 if it has none.
func placeOf(statuses []v1alpha1.WorkloadSpreadSubsetStatus, subset string) int {
	for i := range statuses {
		if statuses[i].Name == subset {
			return i
		}
	}
	return -1
}

// schedulableAt is SchedulableOf for the i-th subset. Its status has the same place,
// unless subsets were added or removed since, so that of many subsets not all have
// to be looked at for each.
func schedulableAt(ws *v1alpha1.WorkloadSpread, i int) *v1alpha1.WorkloadSpreadSubsetCondition {
	name, statuses := ws.Spec.Subsets[i].Name, ws.Status.SubsetStatuses
	if i < len(statuses) && statuses[i].Name == name {
		return conditionIn(&statuses[i], v1alpha1.SubsetSchedulable)
	}
	return SchedulableOf(ws, name)
}

// conditionIn is a condition of a subset; nil if it has none of that type.
func conditionIn(status *v1alpha1.WorkloadSpreadSubsetStatus, kind v1alpha1.WorkloadSpreadSubsetConditionType) *v1alpha1.WorkloadSpreadSubsetCondition {
	for i := range status.Conditions {
		if status.Conditions[i].Type == kind {
			return &status.Conditions[i]
		}
	}
	return nil
}

// judge gives every subset of the report its condition Schedulable.
//
// # State table
//
// "Stuck" means that a pod of the subset was unschedulable for the time that
// rescheduleCriticalSeconds gives it, counted from when the scheduler said so
// or, if that was later, from the condition's last transition: a subset that was
// just opened has all of that time again. The first row that fits holds.
//
//	row       subset is         what happened                       becomes
//	────────  ────────────────  ──────────────────────────────────  ────────────────────────────
//	fixed     anything          not Adaptive, or no critical time   without condition
//	last      anything          it is the last subset               True
//	rest      False             backoff is not over                 False
//	probe     False             backoff is over                     Unknown, Probing
//	recover   Unknown           a pod was scheduled since then      True
//	fail      Unknown           stuck                               False, for twice as long
//	wait      Unknown           otherwise                           Unknown
//	close     True, or without  stuck                               False, the scheduler's words
//	open      True, or without  otherwise                           True
//
// The last subset is never closed, as there is nowhere to go from it. Pods that
// stay in a closed subset, because no other has room for them, are its probe.
func (v View) judge(r *Report) {
	_, moves := PatienceOf(v.Spread)
	pods := v.activeBySubset()
	for i := range r.Status.SubsetStatuses {
		status := &r.Status.SubsetStatuses[i]
		status.Conditions = v.otherConditions(status.Name)
		if !moves {
			continue
		}
		before := v1alpha1.WorkloadSpreadSubsetCondition{Type: v1alpha1.SubsetSchedulable}
		if c := SchedulableOf(v.Spread, status.Name); c != nil {
			before = *c
		}
		after := condition(corev1.ConditionTrue, ReasonSufficient, "")
		if i < len(r.Status.SubsetStatuses)-1 {
			var wake time.Time
			after, wake = v.next(before, v.Closings[status.Name], pods[status.Name])
			r.Wake = sooner(r.Wake, wake)
		}
		if after.Status == before.Status {
			after = before
		} else {
			after.LastTransitionTime = v.transition(before.Status, after.Status)
			r.Changes = append(r.Changes, Change{Subset: status.Name, From: before.Status, To: after.Status, Message: after.Message})
		}
		status.Conditions = append(status.Conditions, after)
	}
}

// transition is when a condition changed: now, but a subset that had none has
// been open from the start.
func (v View) transition(before, after corev1.ConditionStatus) metav1.Time {
	if before == "" && after == corev1.ConditionTrue {
		return v.Spread.CreationTimestamp
	}
	return metav1.NewTime(v.Now).Rfc3339Copy()
}

// otherConditions are those of a subset that are not ours to judge.
func (v View) otherConditions(subset string) []v1alpha1.WorkloadSpreadSubsetCondition {
	i := placeOf(v.Spread.Status.SubsetStatuses, subset)
	if i < 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(v.Spread.Status.SubsetStatuses[i].Conditions), func(c v1alpha1.WorkloadSpreadSubsetCondition) bool {
		return c.Type == v1alpha1.SubsetSchedulable
	})
}

// next is the state table for a subset that is not the last of an Adaptive
// WorkloadSpread. It also returns when to look again, if nothing happens.
func (v View) next(now v1alpha1.WorkloadSpreadSubsetCondition, closings int, pods []*corev1.Pod) (v1alpha1.WorkloadSpreadSubsetCondition, time.Time) {
	if now.Status == corev1.ConditionFalse {
		over := now.LastTransitionTime.Add(v.Backoff.After(closings))
		if v.Now.Before(over) {
			return now, over
		}
		return condition(corev1.ConditionUnknown, ReasonProbing, "One pod at a time may try this subset again."), time.Time{}
	}
	if now.Status == corev1.ConditionUnknown && v.provesRoom(pods, now.LastTransitionTime.Time) {
		return condition(corev1.ConditionTrue, ReasonSufficient, "A pod was scheduled."), time.Time{}
	}
	word, stuck, wake := v.stuck(pods, now.LastTransitionTime.Time)
	switch {
	case stuck:
		return condition(corev1.ConditionFalse, ReasonPodUnschedulable, word.Message), time.Time{}
	case now.Status == corev1.ConditionUnknown:
		return now, wake
	default:
		return condition(corev1.ConditionTrue, ReasonSufficient, ""), wake
	}
}

func condition(status corev1.ConditionStatus, reason, message string) v1alpha1.WorkloadSpreadSubsetCondition {
	return v1alpha1.WorkloadSpreadSubsetCondition{Type: v1alpha1.SubsetSchedulable, Status: status, Reason: reason, Message: message}
}

// stuck returns what the scheduler says of the pod that has been unschedulable
// for longest, and whether that was too long. If it was not, wake is when it
// will be.
func (v View) stuck(pods []*corev1.Pod, opened time.Time) (longest Unschedulable, stuck bool, wake time.Time) {
	patience, _ := PatienceOf(v.Spread)
	for _, pod := range pods {
		word, ok := v.unschedulable(pod)
		if !ok {
			continue
		}
		since := word.Since
		if since.Before(opened) {
			since = opened
		}
		if end := since.Add(patience); v.Now.Before(end) {
			wake = sooner(wake, end)
		} else if !stuck || word.Since.Before(longest.Since) {
			longest, stuck = word, true
		}
	}
	return longest, stuck, wake
}

// provesRoom says whether one of the pods was scheduled at that time or later, in
// the downstream cluster too if it is bound to a virtual node.
func (v View) provesRoom(pods []*corev1.Pod, since time.Time) bool {
	return slices.ContainsFunc(pods, func(pod *corev1.Pod) bool {
		upstream := conditionOf(pod, corev1.PodScheduled)
		if pod.Spec.NodeName == "" || upstream == nil || upstream.Status != corev1.ConditionTrue || isFalse(pod, api.DownstreamScheduledCondition) {
			return false
		}
		at := upstream.LastTransitionTime.Time
		if node := v.Nodes[pod.Spec.NodeName]; node != nil && node.Labels[api.NodeTypeLabel] == api.NodeTypeVirtual {
			// The downstream pod's own PodScheduled is gone from here once it is
			// True; what follows it at once is that its kubelet begins with it.
			begun := conditionOf(pod, corev1.PodInitialized)
			if pod.Annotations[api.DownstreamNodeAnnotation] == "" {
				return false
			}
			if begun != nil && begun.LastTransitionTime.After(at) {
				at = begun.LastTransitionTime.Time
			}
		}
		return !at.Before(since)
	})
}

func isFalse(pod *corev1.Pod, t corev1.PodConditionType) bool {
	c := conditionOf(pod, t)
	return c != nil && c.Status == corev1.ConditionFalse
}

func conditionOf(pod *corev1.Pod, t corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == t {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}
