package pods

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/provider/translate"
)

// conflictRetry is how long a pod waits for a foreign downstream pod of its name
// to go away, in case its deletion was not seen.
const conflictRetry = 30 * time.Second

// Node is the virtual node as far as its pods are concerned.
type Node struct {
	translate.Rules
	// InternalIP stands for the downstream hosts' addresses.
	InternalIP string
}

// Below is where the downstream pod of an upstream pod is.
func (n Node) Below(upstream types.NamespacedName) types.NamespacedName {
	return types.NamespacedName{Namespace: n.Namespaces.Downstream(upstream.Namespace), Name: upstream.Name}
}

// World is what is known about one upstream namespace and name.
type World struct {
	// Upstream and Downstream are nil when there is no such pod.
	Upstream, Downstream *corev1.Pod
	// UpstreamLive and DownstreamLive say that the pod, or its absence, was read
	// from the API server and not from a cache.
	UpstreamLive, DownstreamLive bool
	// Prepared says that the preparers were asked for this pod, and that Obstacles,
	// Facts and Notes are what was found out.
	Prepared bool
	// Obstacles keep the pod from being created.
	Obstacles []Obstacle
	// Facts are about the downstream cluster.
	Facts translate.Facts
	// Notes are for the pod's owner, beside those of its translation, or instead of
	// those with the same reason.
	Notes []translate.Note
	// TooLarge says why no downstream node could ever hold the downstream pod;
	// empty when one could, or when the pod has its node.
	TooLarge string
	// Now is the time of writing, for conditions that change.
	Now metav1.Time
}

// Side is one of the two clusters.
type Side int

// The sides an Action may want confirmed.
const (
	Neither Side = iota
	Upstream
	Downstream
)

// Row is the row of the state table that an Action comes from.
type Row string

// The rows of the state table.
const (
	RowNothing     Row = "nothing"
	RowOrphan      Row = "orphan"
	RowPredecessor Row = "predecessor"
	RowTerminating Row = "terminating"
	RowFinish      Row = "finish"
	RowEnded       Row = "ended"
	RowMirror      Row = "mirror"
	RowLost        Row = "lost"
	RowConflict    Row = "conflict"
	RowRefused     Row = "refused"
	RowUnroutable  Row = "unroutable"
	RowBlocked     Row = "blocked"
	RowCreate      Row = "create"
)

// Action is what to do, in the order of the fields; what is not set is not done.
type Action struct {
	Row Row
	// Confirm asks for a live reading of one side and a new plan. Nothing else is
	// set then.
	Confirm Side
	// Prepare asks for what the World says when it is Prepared, and a new plan.
	// Nothing else is set then.
	Prepare bool
	// Create is the downstream pod to create.
	Create *corev1.Pod
	// Notes go to the upstream pod's owner when the pod was created.
	Notes []translate.Note
	// Change is what the downstream pod is to take over.
	Change *translate.Change
	// Delete is the deletion of the downstream pod.
	Delete *Deletion
	// Status is the upstream pod's new status; nil when it has it already.
	Status *corev1.PodStatus
	// DownstreamNode goes into the upstream pod's annotation together with
	// Status; empty leaves the annotation as it is.
	DownstreamNode string
	// Warning is the event that explains Status. It is set only with Status, so
	// that it is sent once.
	Warning *Warning
	// DeleteUpstream removes the upstream pod at once: its downstream pod is gone.
	DeleteUpstream bool
	// Again is when to plan again without an event; zero is never.
	Again time.Duration
}

// Deletion deletes exactly the downstream pod with that UID.
type Deletion struct {
	UID types.UID
	// GraceSeconds is nil for the pod's own termination grace period.
	GraceSeconds *int64
}

// Warning is an event about an upstream pod.
type Warning struct{ Reason, Note string }

// Plan decides what is to be done about the pods of one namespace and name. It
// is the state table of the package documentation, and has no effects.
func Plan(w World, node Node) Action {
	up, down := w.Upstream, w.Downstream
	gone := up == nil || up.Spec.NodeName != node.Identity.Node.Name
	ours := down != nil && node.Owns(down)
	switch {
	case gone && !ours:
		return Action{Row: RowNothing}
	case gone:
		return w.discard(RowOrphan)
	case ours && !node.StandsFor(down, up):
		return w.discard(RowPredecessor)
	case up.DeletionTimestamp != nil && ours:
		return w.terminate(node)
	case up.DeletionTimestamp != nil:
		return w.finish()
	case translate.Finished(up) && ours:
		return w.end()
	case translate.Finished(up):
		return Action{Row: RowNothing}
	case ours:
		return w.mirror(node)
	case translate.Started(up):
		return w.lose()
	case down != nil:
		return w.conflict(node)
	default:
		return w.create(node)
	}
}

// discard deletes a downstream pod of ours that no upstream pod stands behind.
// The upstream cache may be behind: the pod may be one it does not know yet.
func (w World) discard(row Row) Action {
	switch {
	case w.Downstream.DeletionTimestamp != nil:
		return Action{Row: row}
	case !w.UpstreamLive:
		return Action{Row: row, Confirm: Upstream}
	default:
		return Action{Row: row, Delete: &Deletion{UID: w.Downstream.UID}}
	}
}

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
// finalizers keep must be in a final phase, or a Job would wait for it for ever.
func (w World) finish() Action {
	if !w.DownstreamLive {
		return Action{Row: RowFinish, Confirm: Downstream}
	}
	up := w.Upstream
	action := Action{Row: RowFinish}
	if len(up.Finalizers) > 0 && !translate.Finished(up) {
		action.Status = new(translate.Lost(up, up.Status.Reason, up.Status.Message, w.Now))
	}
	action.DeleteUpstream = up.DeletionGracePeriodSeconds == nil || *up.DeletionGracePeriodSeconds > 0
	return action
}

// end stops a downstream pod whose upstream pod is over, as a kubelet stops the
// containers of a pod whose phase is final.
func (w World) end() Action {
	switch {
	case translate.Finished(w.Downstream) || w.Downstream.DeletionTimestamp != nil:
		return Action{Row: RowNothing}
	case !w.DownstreamLive:
		return Action{Row: RowEnded, Confirm: Downstream}
	default:
		return Action{Row: RowEnded, Delete: &Deletion{UID: w.Downstream.UID}}
	}
}

func (w World) mirror(node Node) Action {
	action := w.mirrored(node)
	if action.Warning != nil && !w.UpstreamLive {
		// The upstream cache may not show yet that it was told.
		return Action{Row: RowMirror, Confirm: Upstream}
	}
	action.Change = translate.Follow(w.Upstream, w.Downstream, node.Rules)
	if action.Change.ChangesSpec() && action.Status != nil {
		// Not observed before it is passed on.
		action.Status.ObservedGeneration = w.Upstream.Status.ObservedGeneration
	}
	return action
}

func (w World) mirrored(node Node) Action {
	status := translate.Status(w.Upstream, w.Downstream, node.InternalIP)
	warning := w.tellTooLarge(&status)
	if apiequality.Semantic.DeepEqual(w.Upstream.Status, status) {
		return Action{Row: RowMirror}
	}
	return Action{Row: RowMirror, Status: &status, DownstreamNode: w.Downstream.Spec.NodeName, Warning: warning}
}

// Unfollowed is the action after the downstream API server refused a change for
// good, and took nothing else over meanwhile. Once the downstream kubelet is where
// it was left, the upstream generation counts as observed: that is what ends the
// trying, and the one time to say why.
func (w World) Unfollowed(node Node, refusal error) Action {
	action := w.mirrored(node)
	if action.Status != nil && action.Status.ObservedGeneration != w.Upstream.Status.ObservedGeneration {
		action.Warning = &Warning{Reason: ReasonNotFollowed, Note: refusal.Error()}
	}
	return action
}

// lose gives up a pod that was started downstream and deleted there. A new pod
// in its place would be a second run of the same upstream pod. The upstream
// cache may not show yet that the pod has ended well.
func (w World) lose() Action {
	switch {
	case !w.DownstreamLive:
		return Action{Row: RowLost, Confirm: Downstream}
	case !w.UpstreamLive:
		return Action{Row: RowLost, Confirm: Upstream}
	}
	action := w.fail(RowLost, ReasonLost, w.lostTo())
	disrupt(action.Status, w.Now)
	return action
}

// fail ends the upstream pod.
func (w World) fail(row Row, reason, message string) Action {
	status := translate.Lost(w.Upstream, reason, message, w.Now)
	return Action{Row: row, Status: &status, Warning: &Warning{Reason: reason, Note: message}}
}

// wait keeps the upstream pod Pending and says why, once.
func (w World) wait(row Row, reason, message string) Action {
	status := translate.Waiting(w.Upstream, reason, message)
	if apiequality.Semantic.DeepEqual(w.Upstream.Status, status) {
		return Action{Row: row}
	}
	return Action{Row: row, Status: &status, Warning: &Warning{Reason: reason, Note: message}}
}
