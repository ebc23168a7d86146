package spread

import (
	"cmp"
	"math"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
)

// settle is how long a subset has been closed before pods leave it: every
// replica of the webhook must know, or it sends their successors back. It is
// counted from a time without fractions of a second.
const settle = 2 * time.Second

// Unschedulable is what a scheduler says of a pod that it finds no node for.
type Unschedulable struct {
	// Since is when the scheduler said so first.
	Since time.Time
	// Message is in the scheduler's own words.
	Message string
	// Downstream says that it is the downstream cluster's scheduler.
	Downstream bool
}

// UnschedulableOf returns what the scheduler in charge of a pod says: the
// upstream one until the pod is bound, then the downstream one. There is nothing
// to return for a pod that is gated, that is being deleted, for which others are
// being preempted, or of which a container has ever run.
func UnschedulableOf(pod *corev1.Pod) (word Unschedulable, ok bool) {
	if !IsActive(pod) || pod.Status.Phase == corev1.PodRunning || hasStarted(pod) {
		return Unschedulable{}, false
	}
	if pod.Spec.NodeName == "" {
		if len(pod.Spec.SchedulingGates) > 0 || pod.Status.NominatedNodeName != "" {
			return Unschedulable{}, false
		}
		return wordOf(pod, corev1.PodScheduled)
	}
	word, ok = wordOf(pod, api.DownstreamScheduledCondition)
	word.Downstream = true
	return word, ok
}

func wordOf(pod *corev1.Pod, t corev1.PodConditionType) (word Unschedulable, ok bool) {
	c := conditionOf(pod, t)
	if c == nil || c.Status != corev1.ConditionFalse || c.Reason != corev1.PodReasonUnschedulable && c.Reason != api.LargerThanAnyNodeReason {
		return Unschedulable{}, false
	}
	return Unschedulable{Since: c.LastTransitionTime.Time, Message: c.Message}, true
}

func hasStarted(pod *corev1.Pod) bool {
	started := func(s corev1.ContainerStatus) bool {
		return s.State.Running != nil || s.State.Terminated != nil || s.LastTerminationState.Terminated != nil || s.RestartCount > 0
	}
	return slices.ContainsFunc(pod.Status.ContainerStatuses, started) || slices.ContainsFunc(pod.Status.InitContainerStatuses, started)
}

// unschedulable is UnschedulableOf, with the time since the pod was ungated.
func (v View) unschedulable(pod *corev1.Pod) (Unschedulable, bool) {
	word, ok := UnschedulableOf(pod)
	if ungated := v.Ungated[pod.UID]; !word.Downstream && word.Since.Before(ungated) {
		word.Since = ungated
	}
	return word, ok
}

// Move is a pod that is to leave its subset: it is deleted, so that its workload
// creates another, for which the webhook chooses another subset.
type Move struct {
	Pod    *corev1.Pod
	Subset string
	// Why is what the scheduler says of the pod.
	Why Unschedulable
}

// Moves returns the pods that are to leave closed subsets now, longest
// unschedulable first: those that were for as long as the WorkloadSpread says,
// and no more than the other subsets have room for. A subset counts as closed
// when Spread's status, which must have been read from the API server, says so.
// If that will change by itself, wake is when.
func (v View) Moves() (moves []Move, wake time.Time) {
	patience, ok := PatienceOf(v.Spread)
	if !ok {
		return nil, time.Time{}
	}
	pods := v.activeBySubset()
	var candidates []Move
	for i := range v.Spread.Spec.Subsets {
		if v.openness(i) != closed {
			continue
		}
		name := v.Spread.Spec.Subsets[i].Name
		since := SchedulableOf(v.Spread, name).LastTransitionTime
		for _, pod := range pods[name] {
			word, ok := v.unschedulable(pod)
			if !ok {
				continue
			}
			due := latest(word.Since.Add(patience), since.Add(settle))
			if v.Now.Before(due) {
				wake = sooner(wake, due)
				continue
			}
			candidates = append(candidates, Move{Pod: pod, Subset: name, Why: word})
		}
	}
	slices.SortFunc(candidates, func(a, b Move) int {
		return cmp.Or(a.Why.Since.Compare(b.Why.Since), cmp.Compare(a.Pod.Name, b.Pod.Name))
	})
	return v.fitting(candidates), wake
}

// fitting returns those candidates for whose successors there is room.
func (v View) fitting(candidates []Move) []Move {
	rooms := map[string]int{}
	return slices.DeleteFunc(candidates, func(m Move) bool {
		version := VersionOf(v.Spread, m.Pod)
		room, known := rooms[version]
		if !known {
			room = v.openRoom(version)
		}
		rooms[version] = room - 1
		return room <= 0
	})
}

// openRoom is for how many more pods of a version the open subsets have slots.
// Pods that the workload wants and has not created yet take theirs first,
// whatever their version will be. A subset that is being probed takes no more
// than its probe, and so counts as closed.
func (v View) openRoom(version string) int {
	sum := -v.missing()
	for i := range v.Spread.Spec.Subsets {
		if v.openness(i) != open {
			continue
		}
		free, limited := v.free(i, version)
		if !limited {
			return math.MaxInt
		}
		sum += free
	}
	return sum
}

// free is how many slots of the i-th subset no pod of that version has and none
// is reserved for. A percentage of a base nobody knows has none.
func (v View) free(i int, version string) (free int, limited bool) {
	most, limited, err := Cap(&v.Spread.Spec.Subsets[i], v.Target.Replicas)
	if err != nil || !limited {
		return 0, limited
	}
	return max(0, most-v.ledger().count(version).taken[i]), true
}

// missing is how many pods the target wants beyond those it has.
func (v View) missing() int {
	if v.Target.Replicas == nil {
		return 0
	}
	active := 0
	for _, pod := range v.Pods {
		if IsActive(pod) {
			active++
		}
	}
	return max(0, int(*v.Target.Replicas)-active)
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// Confirms says whether a move still holds for the pod as the API server has it
// now, and returns what its scheduler says now.
func (v View) Confirms(m Move, live *corev1.Pod) (why Unschedulable, ok bool) {
	patience, moves := PatienceOf(v.Spread)
	why, ok = v.unschedulable(live)
	ok = ok && moves && live.UID == m.Pod.UID && v.subsetOf(live) == m.Subset &&
		why.Downstream == m.Why.Downstream && !v.Now.Before(why.Since.Add(patience))
	return why, ok
}
