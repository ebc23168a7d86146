package pods

import (
	"time"

	"github.com/spillway-io/spillway/provider/translate"
)

// preparation is how long the news of a pod's preparation wait for those of its
// start, which most pods have by then.
const preparation = 10 * time.Second

// unhurried keeps back a status that only tells of the preparation of a pod, until
// something happens to it or time is up. The first word of the downstream kubelet
// is never kept back: from then on the pod must not be started again elsewhere.
func (w World) unhurried(action Action) Action {
	status := action.Status
	if status == nil || status.StartTime == nil || action.Warning != nil || w.Downstream.DeletionTimestamp != nil ||
		!translate.Started(w.Upstream) || !translate.StillPreparing(&w.Upstream.Status, status) {
		return action
	}
	// A clock that is another one at worst keeps nothing back.
	if since := w.Now.Sub(status.StartTime.Time); since >= 0 && since < preparation {
		action.Status, action.DownstreamNode, action.Again = nil, "", preparation-since
	}
	return action
}
