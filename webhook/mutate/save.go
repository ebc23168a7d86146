package mutate

import (
	"maps"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/stash"
)

// save puts the pod's constraints where its destination needs them: into the
// stash or, if it came with a stash that is not needed there, back from it. A
// stash by hand is left alone everywhere.
func save(pod *corev1.Pod, found stash.Stash, to destination, keys stash.RoutingKeys) (*corev1.Pod, error) {
	switch {
	case found.Origin == stash.Supplied:
		return pod, nil
	case found.Origin == stash.Absent && to.stashes:
		return stash.Save(pod, keys)
	case found.Origin == stash.Absent:
		return pod, nil
	case to.stashes:
		return saveAgain(pod, found, to, keys), nil
	default:
		return restore(pod, found), nil
	}
}

// saveAgain returns what save made of the pod when its stash was written, with
// the tolerations it has now: tolerating more excludes nothing. For a subset it
// starts from the stash, since what the subset added upstream must go before it
// is added again.
func saveAgain(pod *corev1.Pod, found stash.Stash, to destination, keys stash.RoutingKeys) *corev1.Pod {
	if to.spread == nil {
		return stash.Trim(pod, keys)
	}
	original := *pod
	found.Fields.ReplaceIn(&original.Spec)
	original.Spec.Tolerations = pod.Spec.Tolerations
	return stash.Trim(&original, keys)
}

// restore is for copies of a pod that was stashed: this one is to keep its
// constraints, so it needs them all back.
func restore(pod *corev1.Pod, found stash.Stash) *corev1.Pod {
	restored := *pod
	found.Fields.ReplaceIn(&restored.Spec)
	restored.Annotations = maps.Clone(pod.Annotations)
	delete(restored.Annotations, api.StashAnnotation)
	delete(restored.Annotations, api.StashMarkerAnnotation)
	return &restored
}
