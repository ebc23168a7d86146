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

// unseenRetry is how long the end of a downstream pod is waited for that the cache
// does not have: one that comes and goes while nothing can be watched is in no list
// and in no event.
const unseenRetry = 5 * time.Second

// Node is the virtual node as far as its pods are concerned.
type Node struct {
	translate.Rules
	// InternalIP stands for the downstream hosts' addresses.
	InternalIP string
	// StrandedAfter is how long the end of a downstream pod that somebody downstream
	// deleted may be overdue before its upstream pod is asked to go; 0 is for ever.
	StrandedAfter time.Duration
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
	// Ended says that this process had the upstream pod's downstream pod deleted, and
	// that its end was announced since. It is as good as reading that.
	Ended bool
	// Leaving says that the upstream API server has just been asked to remove the pod.
	Leaving bool
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
	RowStranded    Row = "stranded"
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
	// Ends says that Status ends the pod without its downstream pod having ended. It
	// is written to the pod only as the plan saw it.
	Ends bool
	// DownstreamNode goes into the upstream pod's annotation together with
	// Status; empty leaves the annotation as it is.
	DownstreamNode string
	// DeleteUpstream is the deletion of the upstream pod.
	DeleteUpstream *Deletion
	// Warning is the event that explains Status or DeleteUpstream. It is set only
	// with one of them, so that it is sent once.
	Warning *Warning
	// Orphan tells of a downstream pod of ours without an upstream pod. How many there
	// are decides what becomes of them.
	Orphan bool
	// Again is when to plan again without an event; zero is never.
	Again time.Duration
}

// Deletion deletes exactly the pod with that UID.
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
		return w.abandoned()
	case ours && !node.StandsFor(down, up):
		return w.replaced()
	case up.DeletionTimestamp != nil && ours:
		return w.terminate(node)
	case up.DeletionTimestamp != nil:
		return w.finish()
	case translate.Finished(up) && ours:
		return w.end(node)
	case translate.Finished(up):
		return Action{Row: RowNothing}
	case ours && w.stranded(node):
		return w.strand(node)
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

// abandoned tells of a downstream pod of ours that no upstream pod stands behind.
// The upstream cache may be behind: the pod may be one it does not know yet.
func (w World) abandoned() Action {
	switch {
	case w.Downstream.DeletionTimestamp != nil:
		return Action{Row: RowOrphan}
	case !w.UpstreamLive:
		return Action{Row: RowOrphan, Confirm: Upstream}
	default:
		return Action{Row: RowOrphan, Orphan: true}
	}
}

// replaced deletes a downstream pod of ours whose name belongs to another upstream
// pod by now. An upstream API server that shows that one is not mistaken about the
// virtual node's pods as a whole.
func (w World) replaced() Action {
	action := Action{Row: RowPredecessor}
	switch {
	case w.Downstream.DeletionTimestamp != nil:
	case !w.UpstreamLive:
		return Action{Row: RowPredecessor, Confirm: Upstream}
	default:
		action.Delete = &Deletion{UID: w.Downstream.UID}
	}
	if w.DownstreamLive {
		action.Again = unseenRetry
	}
	return action
}

func (w World) mirror(node Node) Action {
	action := w.mirrored(node)
	if action.Warning != nil && !w.UpstreamLive {
		// The upstream cache may not show yet that it was told.
		return Action{Row: RowMirror, Confirm: Upstream}
	}
	action.Again = w.untilStranded(node)
	action.Change = translate.Follow(w.Upstream, w.Downstream, node.Rules)
	if action.Change.ChangesSpec() && action.Status != nil {
		// Not observed before it is passed on.
		action.Status.ObservedGeneration = w.Upstream.Status.ObservedGeneration
	}
	return w.unhurried(action)
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
	disrupt(action.Status, action.Status.Reason, action.Status.Message, w.Now)
	return action
}

// fail ends the upstream pod.
func (w World) fail(row Row, reason, message string) Action {
	status := translate.Lost(w.Upstream, reason, message, w.Now)
	return Action{Row: row, Status: &status, Ends: true, Warning: &Warning{Reason: reason, Note: message}}
}

// wait keeps the upstream pod Pending and says why, once.
func (w World) wait(row Row, reason, message string) Action {
	status := translate.Waiting(w.Upstream, reason, message)
	if apiequality.Semantic.DeepEqual(w.Upstream.Status, status) {
		return Action{Row: row}
	}
	return Action{Row: row, Status: &status, Warning: &Warning{Reason: reason, Note: message}}
}
