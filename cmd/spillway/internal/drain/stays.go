package drain

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/spread"
)

// stay is why a pod stays.
type stay struct {
	why, do string
	// harmless: the node counts as drained all the same.
	harmless bool
}

// stays says why a pod stays, whatever room there is elsewhere. The first rule that
// fits holds:
//
//	being deleted, or finished       nothing is left to bring away
//	of a DaemonSet                   it belongs to the node
//	without a controller             nobody replaces it
//	not opted in                     no policy of ours says where its replacement goes
//	ends one day (Job, Never, ...)   it would begin anew; it ends by itself
//	on-node-loss: stay               its author wants it where it is
//	numbered, with a WorkloadSpread  its number says which subset it is in
//	its volume is on this node       a replacement could not start elsewhere
//	a peer waits for a node          one more would wait, too
func (w World) stays(pod *corev1.Pod, s *Spreading, peers map[types.UID]waiting) (stay, bool) {
	owner, controlled := spread.ControllerOf(pod)
	switch {
	case pod.DeletionTimestamp != nil:
		return stay{why: "it is being deleted already", harmless: true}, true
	case !spread.IsActive(pod):
		return stay{why: "it has finished", harmless: true}, true
	case controlled && owner.GroupKind == schema.GroupKind{Group: appsv1.GroupName, Kind: "DaemonSet"}:
		return stay{why: fmt.Sprintf("DaemonSet %q wants it on this node", owner.Name), harmless: true}, true
	case !controlled:
		return stay{why: "it has no controller, so nobody would replace it", do: byHand(pod)}, true
	case pod.Labels[api.OptInLabel] != api.OptedIn:
		return stay{why: "it did not opt in (label " + api.OptInLabel + "), so nothing is known of where its replacement goes", do: byHand(pod)}, true
	case owner.GroupKind == schema.GroupKind{Group: batchv1.GroupName, Kind: "Job"} || pod.Spec.RestartPolicy != corev1.RestartPolicyAlways:
		return stay{why: fmt.Sprintf("its work ends one day, and would begin anew (%s %q)", owner.Kind, owner.Name), do: "wait until it has finished"}, true
	case w.isToStay(pod):
		return stay{why: "its author wants it to stay where it is (annotation " + api.OnNodeLossAnnotation + ")", do: fmt.Sprintf("kubectl annotate --overwrite pod -n %s %s %s=%s, and drain again", pod.Namespace, pod.Name, api.OnNodeLossAnnotation, api.OnNodeLossMove)}, true
	case s != nil && s.Err != nil:
		return stay{why: "nothing is known of its WorkloadSpread: " + s.Err.Error(), do: "correct the WorkloadSpread, or the rights to read its target"}, true
	case s != nil && !spread.CanReturn(s.Object):
		return stay{why: fmt.Sprintf("its number says which subset it is in (%s %q)", owner.Kind, owner.Name), do: "change the subsets of WorkloadSpread " + s.Object.Name + ", then " + byHand(pod)}, true
	}
	if volume := w.tiedTo(pod); volume != "" {
		return stay{why: fmt.Sprintf("its volume %q can be on this node only", volume), do: "move the data, or delete the claim with the pod"}, true
	}
	if peer, waits := peers[owner.UID]; waits {
		return stay{why: fmt.Sprintf("pod %q of the same %s waits for a node already: %s", peer.name, owner.Kind, peer.word), do: "make room for that pod, and drain again"}, true
	}
	return stay{}, false
}

func (w World) isToStay(pod *corev1.Pod) bool {
	if value, asks := pod.Annotations[api.OnNodeLossAnnotation]; asks {
		return value == api.OnNodeLossStay
	}
	return w.Staying[pod.Namespace]
}

// tiedTo returns a volume of the pod that no other node admits; empty if it has none.
func (w World) tiedTo(pod *corev1.Pod) string {
	for _, volume := range w.Volumes[pod.UID] {
		if volume.Spec.NodeAffinity == nil || volume.Spec.NodeAffinity.Required == nil {
			continue
		}
		selector, err := nodeaffinity.NewNodeSelector(volume.Spec.NodeAffinity.Required)
		if err != nil || !slices.ContainsFunc(w.Nodes, func(node *corev1.Node) bool { return node.Name != w.Node && selector.Match(node) }) {
			return volume.Name
		}
	}
	return ""
}

// waiting is a pod for which a scheduler finds no node, and what that says.
type waiting struct {
	name, word string
}

// waitingPeers returns one such pod of each controller that has any. Those that are to
// leave the node do not count.
func (w World) waitingPeers() map[types.UID]waiting {
	leaving := make(map[types.UID]bool, len(w.Pods))
	for _, pod := range w.Pods {
		leaving[pod.UID] = true
	}
	found := map[types.UID]waiting{}
	for _, peer := range w.Peers {
		if says, ok := spread.UnschedulableOf(peer); ok && !leaving[peer.UID] {
			found[controllerUID(peer)] = waiting{name: peer.Name, word: says.Message}
		}
	}
	return found
}

// takes says whether a pod that needs a virtual node can come to that one.
func (w World) takes(node *corev1.Node, pod *corev1.Pod) bool {
	if !w.isOpen(node) {
		return false
	}
	matches, err := nodeaffinity.GetRequiredNodeAffinity(pod).Match(node)
	return err == nil && matches && !slices.ContainsFunc(node.Spec.Taints, func(taint corev1.Taint) bool {
		return taint.Effect != corev1.TaintEffectPreferNoSchedule && !tolerates(pod, &taint)
	})
}

// reaches says whether a virtual subset with that term has a node to go to.
func (w World) reaches(term *corev1.NodeSelectorTerm) bool {
	if term == nil || len(term.MatchExpressions)+len(term.MatchFields) == 0 {
		return slices.ContainsFunc(w.Nodes, w.isOpen)
	}
	selector, err := nodeaffinity.NewNodeSelector(&corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{*term}})
	return err == nil && slices.ContainsFunc(w.Nodes, func(node *corev1.Node) bool { return w.isOpen(node) && selector.Match(node) })
}

// isOpen says whether a node is another virtual node that takes pods.
func (w World) isOpen(node *corev1.Node) bool {
	return node.Name != w.Node && isVirtual(node) && !node.Spec.Unschedulable && node.DeletionTimestamp == nil &&
		slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
			return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
		})
}

func toleratesCordon(pod *corev1.Pod) bool {
	return tolerates(pod, &corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule})
}

func tolerates(pod *corev1.Pod, taint *corev1.Taint) bool {
	return slices.ContainsFunc(pod.Spec.Tolerations, func(t corev1.Toleration) bool {
		return t.ToleratesTaint(klog.Background(), taint, true)
	})
}
