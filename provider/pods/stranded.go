package pods

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"

	"github.com/spillway-io/spillway/provider/translate"
)

// DefaultStrandedAfter is what Node.StrandedAfter is unless an operator knows better:
// downstream, a node is called dead after 40 s, and its pods are evicted after 300 s;
// this is to spare pods that end a little late.
const DefaultStrandedAfter = time.Minute

// stranded says that the downstream pod was deleted by somebody downstream, that its
// time to end is over, and that nothing has been heard of its end: the kubelet that
// should see to it does not answer. Nobody downstream replaces the pod, and upstream
// nobody would, as long as its status says that it runs.
func (w World) stranded(node Node) bool {
	due, ends := w.overdueAt(node)
	return ends && !w.Now.Time.Before(due)
}

// untilStranded is when to look again at a pod that is going; 0 for all others.
func (w World) untilStranded(node Node) time.Duration {
	due, ends := w.overdueAt(node)
	if !ends {
		return 0
	}
	return max(due.Sub(w.Now.Time), time.Second)
}

// overdueAt is false for pods that are waited for however long it takes.
func (w World) overdueAt(node Node) (time.Time, bool) {
	down := w.Downstream
	if node.StrandedAfter == 0 || down.DeletionTimestamp == nil || translate.Finished(down) || stays(w.Upstream) {
		return time.Time{}, false
	}
	return down.DeletionTimestamp.Add(node.StrandedAfter), true
}

// stays says whether the pod is one that stays on a lost node, as Kubernetes itself
// would see it: the first toleration of an unreachable node's taint that applies
// decides, and has no end. Downstream, the pod's author asked for the same.
func stays(upstream *corev1.Pod) bool {
	for _, t := range upstream.Spec.Tolerations {
		if toleratesUnreachable(t) {
			return t.TolerationSeconds == nil
		}
	}
	return false
}

// toleratesUnreachable follows the rules of Toleration.ToleratesTaint for a taint
// without a value. Without a value no comparison holds.
func toleratesUnreachable(t corev1.Toleration) bool {
	if t.Effect != "" && t.Effect != corev1.TaintEffectNoExecute || t.Key != "" && t.Key != corev1.TaintNodeUnreachable {
		return false
	}
	return t.Operator == corev1.TolerationOpExists || (t.Operator == "" || t.Operator == corev1.TolerationOpEqual) && t.Value == ""
}

// strand asks the upstream pod to go, so that whoever owns it replaces it. It stays
// Terminating until the downstream pod is gone, so that no identity runs twice.
func (w World) strand(node Node) Action {
	switch {
	case !w.UpstreamLive:
		return Action{Row: RowStranded, Confirm: Upstream}
	case !w.DownstreamLive:
		return Action{Row: RowStranded, Confirm: Downstream}
	}
	note := fmt.Sprintf("The downstream pod was to end by %s, and has not: %s. It stays Terminating until it is known to have ended",
		w.Downstream.DeletionTimestamp.UTC().Format(time.RFC3339), silent(w.Downstream))
	action := Action{
		Row:            RowStranded,
		Warning:        &Warning{Reason: ReasonStranded, Note: note},
		DeleteUpstream: &Deletion{UID: w.Upstream.UID, GraceSeconds: unforced(w.Upstream)},
	}
	status := translate.Status(w.Upstream, w.Downstream, node.InternalIP)
	disrupt(&status, ReasonStranded, note, w.Now)
	if !apiequality.Semantic.DeepEqual(w.Upstream.Status, status) {
		action.Status, action.DownstreamNode = &status, w.Downstream.Spec.NodeName
	}
	return action
}

// silent says who does not answer.
func silent(downstream *corev1.Pod) string {
	switch {
	case downstream.Spec.NodeName == "":
		return "a finalizer keeps it"
	case len(downstream.Finalizers) > 0:
		return fmt.Sprintf("downstream node %q does not answer, or a finalizer keeps it", downstream.Spec.NodeName)
	default:
		return fmt.Sprintf("downstream node %q does not answer", downstream.Spec.NodeName)
	}
}

// unforced is nil, the pod's own grace period, unless that would remove the pod at
// once.
func unforced(upstream *corev1.Pod) *int64 {
	if own := upstream.Spec.TerminationGracePeriodSeconds; own != nil && *own <= 0 {
		return new(int64(1))
	}
	return nil
}
