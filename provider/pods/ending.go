package pods

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/provider/translate"
)

// ending is how long it is not told that a pod's deletion was observed.
const ending = 10 * time.Second

// terminate passes the deletion on, again when it has become more urgent.
func (w World) terminate(node Node) Action {
	action := w.mirrored(node)
	action.Row, action.Warning = RowTerminating, nil
	grace := graceOf(w.Upstream)
	switch given := w.Downstream.DeletionGracePeriodSeconds; {
	case w.Downstream.DeletionTimestamp == nil:
		action.Delete = &Deletion{UID: w.Downstream.UID, GraceSeconds: grace}
	case grace != nil && given != nil && *grace < *given:
		action.Delete = &Deletion{UID: w.Downstream.UID, GraceSeconds: grace}
	}
	if w.DownstreamLive {
		action.Again = unseenRetry
	}
	return w.untold(action)
}

// untold keeps back a status that only says that the pod's deletion was observed, for
// as long as most pods need to end. A deletion is a new generation like any other, but
// who waits for it waits for the pod's end: for most pods the write would be in vain.
func (w World) untold(action Action) Action {
	up := w.Upstream
	if action.Status == nil || up.DeletionGracePeriodSeconds == nil || !translate.OnlyObserved(&up.Status, action.Status) {
		return action
	}
	asked := up.DeletionTimestamp.Add(-time.Duration(*up.DeletionGracePeriodSeconds) * time.Second)
	// A clock that is another one at worst keeps nothing back.
	since := w.Now.Sub(asked)
	if since < 0 || since >= ending {
		return action
	}
	action.Status, action.DownstreamNode = nil, ""
	if action.Again == 0 {
		action.Again = ending - since
	}
	return action
}

// graceOf is the time that the upstream pod's containers have to stop. It is
// never zero: that would remove the downstream pod from its API server while
// its containers still run, and with it the proof that they ended.
func graceOf(upstream *corev1.Pod) *int64 {
	if upstream.DeletionGracePeriodSeconds == nil {
		return nil
	}
	return new(max(1, *upstream.DeletionGracePeriodSeconds))
}

// finish lets the upstream pod go, as its containers are gone. A pod that
// finalizers keep must be in a final phase, or a Job would wait for it for ever;
// the upstream cache may not show yet that it is, and which.
func (w World) finish() Action {
	up := w.Upstream
	unfinished := len(up.Finalizers) > 0 && !translate.Finished(up)
	switch {
	case w.Leaving:
		// What the API server writes meanwhile is no reason to ask it once more.
		return Action{Row: RowFinish, Again: releasing}
	case !w.DownstreamLive && !w.Ended:
		return Action{Row: RowFinish, Confirm: Downstream}
	case unfinished && !w.UpstreamLive:
		return Action{Row: RowFinish, Confirm: Upstream}
	}
	action := Action{Row: RowFinish}
	if unfinished {
		action.Status = new(translate.Lost(up, up.Status.Reason, up.Status.Message, w.Now))
		action.Ends = true
	}
	// The API server notes grace 0 first and removes the pod then, unless finalizers
	// keep it. One that is there without any was not removed, if it was asked at all.
	asked := up.DeletionGracePeriodSeconds != nil && *up.DeletionGracePeriodSeconds == 0
	if !asked || len(up.Finalizers) == 0 {
		action.DeleteUpstream = &Deletion{UID: up.UID, GraceSeconds: new(int64)}
	}
	return action
}

// end stops a downstream pod whose upstream pod is over, as a kubelet stops the
// containers of a pod whose phase is final. One that ended in the same way may still
// get a better word about its end.
func (w World) end(node Node) Action {
	switch {
	case w.Downstream.DeletionTimestamp == nil && w.Downstream.Status.Phase == w.Upstream.Status.Phase:
		return w.mirrored(node)
	case translate.Finished(w.Downstream) || w.Downstream.DeletionTimestamp != nil:
		return Action{Row: RowNothing}
	case !w.DownstreamLive:
		return Action{Row: RowEnded, Confirm: Downstream}
	default:
		return Action{Row: RowEnded, Delete: &Deletion{UID: w.Downstream.UID}}
	}
}
