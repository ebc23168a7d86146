package sidecar

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
)

// reasonAllUpgradable is the reason of a condition that is True. It is Kruise's.
const reasonAllUpgradable = "AllSidecarsetUpgradable"

// Report is what is to be told of a set and its pods.
type Report struct {
	Status v1alpha1.SidecarSetStatus
	// NeedRecreation are the pods that cannot follow the set in place, sorted by
	// namespace and name. A set that asks no pod to follow has none.
	NeedRecreation []Blocked
	// Conditions are those of pods that are to be written.
	Conditions []Condition
}

// Blocked is a pod that has to be created again to get the set's version, and
// why: one word, the reason of its condition.
type Blocked struct {
	Pod    *corev1.Pod
	Reason string
}

// Condition is what a pod's SidecarSetUpgradable condition should be.
type Condition struct {
	Pod       *corev1.Pod
	Condition corev1.PodCondition
}

// Report counts the pods. The name of the revision is Set.Revision; collisions
// is nil if no history is kept. now is the time of conditions that change.
func (v View) Report(collisions *int32, now time.Time) Report {
	r := Report{Status: v1alpha1.SidecarSetStatus{
		ObservedGeneration: v.Set.Object.Generation,
		MatchedPods:        int32(len(v.Pods)),
		LatestRevision:     v.Set.Revision,
		CollisionCount:     collisions,
	}}
	strategy := &v.Set.Object.Spec.UpdateStrategy
	for _, s := range v.stands() {
		available := s.consistent && s.ready
		r.Status.UpdatedPods += one(s.updated)
		r.Status.ReadyPods += one(available)
		r.Status.UpdatedReadyPods += one(s.updated && available)
		asked := strategy.Type != v1alpha1.NotUpdateSidecarSetStrategyType && !strategy.Paused && s.asked
		if s.obstacle != "" && asked {
			r.NeedRecreation = append(r.NeedRecreation, Blocked{Pod: s.pod, Reason: s.obstacle})
		}
		if s.obstacle == "" || asked {
			if condition, changes := upgradable(s.pod, v.Set.Name(), s.obstacle, now); changes {
				r.Conditions = append(r.Conditions, Condition{Pod: s.pod, Condition: condition})
			}
		}
	}
	slices.SortFunc(r.NeedRecreation, func(a, b Blocked) int { return byPlace(a.Pod, b.Pod) })
	return r
}

func one(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

// upgradable returns the pod's condition with what is now known of one set, and
// whether that changes it. Its message is the word on each set that was ever in
// the way; the condition is True when none is. A pod that none ever was gets no
// condition.
func upgradable(pod *corev1.Pod, set, obstacle string, now time.Time) (condition corev1.PodCondition, changes bool) {
	condition = corev1.PodCondition{Type: api.SidecarSetUpgradableCondition}
	if i := slices.IndexFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == condition.Type }); i >= 0 {
		condition = pod.Status.Conditions[i]
	}
	words := map[string]bool{}
	if json.Unmarshal([]byte(condition.Message), &words) != nil {
		// What somebody else wrote there nobody can read.
		words = map[string]bool{}
	}
	was, known := words[set]
	if obstacle == "" && !known || known && was == (obstacle == "") {
		return condition, false
	}
	words[set] = obstacle == ""
	// Strings and truth values are always encoded.
	message, _ := json.Marshal(words)
	condition.Message = string(message)
	status := corev1.ConditionTrue
	switch {
	case obstacle != "":
		status, condition.Reason = corev1.ConditionFalse, obstacle
	case slices.Contains(slices.Collect(maps.Values(words)), false):
		status = corev1.ConditionFalse
	default:
		condition.Reason = reasonAllUpgradable
	}
	if condition.Status != status {
		condition.Status, condition.LastTransitionTime = status, toSecond(now)
	}
	return condition, true
}

// ConditionPatch returns the condition as a strategic merge patch of the pod's
// status. The API server refuses it when the pod is not what it was: two sets
// write into one condition.
func ConditionPatch(c Condition) ([]byte, error) {
	return json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": c.Pod.UID, "resourceVersion": c.Pod.ResourceVersion},
		"status":   map[string]any{"conditions": []corev1.PodCondition{c.Condition}},
	})
}

// StatusPatch returns the status as a merge patch of the set. It names every
// field: the API server requires some of them also when they are zero. It is
// refused when the set is not what was read.
func StatusPatch(read *v1alpha1.SidecarSet, status v1alpha1.SidecarSetStatus) ([]byte, error) {
	return json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": read.UID, "resourceVersion": read.ResourceVersion},
		"status": map[string]any{
			"observedGeneration": status.ObservedGeneration,
			"matchedPods":        status.MatchedPods,
			"updatedPods":        status.UpdatedPods,
			"readyPods":          status.ReadyPods,
			"updatedReadyPods":   status.UpdatedReadyPods,
			"latestRevision":     status.LatestRevision,
			"collisionCount":     status.CollisionCount,
		},
	})
}
