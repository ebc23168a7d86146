package spread

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/api"
)

var errNotPositive = errors.New("it is not longer than 0")

// ReturnAfter returns how long an earlier subset must have had room before pods
// return to it; zero if they do not. The error tells of a value that is no
// duration, or none longer than 0; they do not return then either.
func ReturnAfter(ws *v1alpha1.WorkloadSpread) (time.Duration, error) {
	text, asked := ws.Annotations[api.ReturnToBaseAnnotation]
	if !asked {
		return 0, nil
	}
	after, err := time.ParseDuration(text)
	if err == nil && after <= 0 {
		err = errNotPositive
	}
	if err != nil {
		return 0, fmt.Errorf("annotation %s is %q: %w", api.ReturnToBaseAnnotation, text, err)
	}
	return after, nil
}

// CanReturn says whether pods of ws's target can return to an earlier subset: its
// controller must replace one that was evicted, and think nothing of it.
//
// A Job counts the eviction as a failure, or at least begins the work anew. The
// subset of a StatefulSet's pod follows from its ordinal, not from free slots, and
// the pod may have a volume that cannot follow it.
func CanReturn(ws *v1alpha1.WorkloadSpread) bool {
	kind := TargetKind(ws)
	return !isJob(kind) && !isStatefulSet(kind)
}

// Room brings up to date since when subsets have had room for one more pod of the
// latest version: those that had keep their time, those that have it now for the
// first time get Now, and those that have none are left out. A subset that is
// closed, being probed or cordoned has none, whatever its slots.
func (v View) Room(since map[string]time.Time) map[string]time.Time {
	room := map[string]time.Time{}
	for i := range v.Spread.Spec.Subsets {
		if v.openness(i) != open {
			continue
		}
		if free, limited := v.free(i, v.Target.Version); limited && free == 0 {
			continue
		}
		name := v.Spread.Spec.Subsets[i].Name
		room[name] = v.Now
		if t, had := since[name]; had {
			room[name] = t
		}
	}
	return room
}

// Return is a pod that is to leave its subset, so that the one its workload
// creates instead finds a slot in an earlier one.
type Return struct {
	Pod *corev1.Pod
	// From is the pod's subset, To the first one that has had room for long enough.
	From, To string
}

// Return returns the pod that is to return to an earlier subset now, given since
// when subsets have had room; ok is false if there is none. It is a pod of the
// latest subset that has any, and of those the one that a scale-in would take.
//
// It is one at a time: none returns as long as a pod is missing, of an old
// version or not ready, which is so until the replacement of the one before is
// there and ready. Pods that are to stay on a node that is lost do not return. If a
// pod will return when nothing happens, wake is when.
func (v View) Return(since map[string]time.Time) (r Return, ok bool, wake time.Time) {
	after, err := ReturnAfter(v.Spread)
	if err != nil || after == 0 || !CanReturn(v.Spread) || !v.atRest() {
		return Return{}, false, time.Time{}
	}
	subsets, pods := v.Spread.Spec.Subsets, v.activeBySubset()
	last := len(subsets) - 1
	for last > 0 && len(pods[subsets[last].Name]) == 0 {
		last--
	}
	for i := range max(0, last) {
		had, has := since[subsets[i].Name]
		if !has {
			continue
		}
		if due := had.Add(after); v.Now.Before(due) {
			wake = sooner(wake, due)
			continue
		}
		from := subsets[last].Name
		returning := slices.DeleteFunc(pods[from], v.isToStay)
		if len(returning) == 0 {
			return Return{}, false, time.Time{}
		}
		return Return{Pod: slices.MinFunc(returning, GoesBefore), From: from, To: subsets[i].Name}, true, time.Time{}
	}
	return Return{}, false, wake
}

// isToStay says whether the pod's node is lost, and the pod to stay on it all the same
// (api.OnNodeLossAnnotation): the loss must not take it away by way of a return.
func (v View) isToStay(pod *corev1.Pod) bool {
	node := v.Nodes[pod.Spec.NodeName]
	return node != nil && slices.ContainsFunc(node.Spec.Taints, func(taint corev1.Taint) bool {
		if !isLoss(&taint) {
			return false
		}
		first := slices.IndexFunc(pod.Spec.Tolerations, func(t corev1.Toleration) bool { return tolerated(&taint, []corev1.Toleration{t}) })
		return first >= 0 && pod.Spec.Tolerations[first].TolerationSeconds == nil
	})
}

// IsLost says whether a node has a taint by which pods are evicted from nodes that are
// not ready or unreachable.
func IsLost(node *corev1.Node) bool {
	return slices.ContainsFunc(node.Spec.Taints, func(taint corev1.Taint) bool { return isLoss(&taint) })
}

func isLoss(taint *corev1.Taint) bool {
	return taint.Effect == corev1.TaintEffectNoExecute && (taint.Key == corev1.TaintNodeNotReady || taint.Key == corev1.TaintNodeUnreachable)
}

// ConfirmsReturn says whether a return still holds for the pod as the API server
// has it now.
func (v View) ConfirmsReturn(r Return, live *corev1.Pod) bool {
	return live.UID == r.Pod.UID && IsActive(live) && isReady(live) && v.subsetOf(live) == r.From
}

// Landed says what became of a return. It is done when the workload is at rest
// again; missed are the pods that were not there before it and are in no earlier
// subset than the one that was left.
func (v View) Landed(from string, before map[types.UID]bool) (missed []*corev1.Pod, done bool) {
	if !v.atRest() {
		return nil, false
	}
	for _, pod := range v.Pods {
		if i := indexOf(v.Spread, v.subsetOf(pod)); IsActive(pod) && !before[pod.UID] && (i < 0 || i >= indexOf(v.Spread, from)) {
			missed = append(missed, pod)
		}
	}
	return missed, true
}

// atRest says whether the workload has all the pods it wants, no more of them,
// all of the latest version, and all ready. It never is if its wish is not known.
func (v View) atRest() bool {
	if v.Target.Replicas == nil || v.Target.Version == "" {
		return false
	}
	active := slices.DeleteFunc(slices.Clone(v.Pods), func(pod *corev1.Pod) bool { return !IsActive(pod) })
	return len(active) == int(*v.Target.Replicas) && !slices.ContainsFunc(active, func(pod *corev1.Pod) bool {
		// Revisions of a CloneSet are counted as one version, and still roll out.
		return !isReady(pod) || VersionOf(v.Spread, pod) != v.Target.Version ||
			pod.Labels[appsv1.ControllerRevisionHashLabelKey] != active[0].Labels[appsv1.ControllerRevisionHashLabelKey]
	})
}
