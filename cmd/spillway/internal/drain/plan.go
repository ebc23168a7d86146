package drain

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/webhook/spread"
)

// Fate is what becomes of one pod of the node.
type Fate struct {
	Pod *corev1.Pod
	// Goes says that the pod is to be evicted. Home says that the one that comes
	// instead goes to own machines, and not to another virtual node.
	Goes, Home bool
	// From and To are the subsets of the pod and of the one that comes instead; empty
	// without a WorkloadSpread.
	From, To string
	// Why is why the pod stays, and Do what a person can do about it.
	Why, Do string
	// Holds says that the node is not drained as long as the pod stays.
	Holds bool

	spreading *Spreading
}

// Plan says what becomes of each pod of the node, in the order in which they go: one
// workload after the other, and of each those first that a scale-in takes first.
// Pods that go find room all together.
func Plan(w World) []Fate {
	pods := slices.Clone(w.Pods)
	slices.SortFunc(pods, func(a, b *corev1.Pod) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(controllerName(a), controllerName(b)), spread.GoesBefore(a, b))
	})
	fates, peers := make([]Fate, len(pods)), w.waitingPeers()
	asking := map[*Spreading][]int{}
	var inOrder []*Spreading
	for i, pod := range pods {
		fates[i] = w.alone(pod, peers)
		s := fates[i].spreading
		if !fates[i].Goes || s == nil {
			continue
		}
		if asking[s] == nil {
			inOrder = append(inOrder, s)
		}
		asking[s] = append(asking[s], i)
	}
	for _, s := range inOrder {
		w.choose(s, fates, asking[s])
	}
	return fates
}

// alone judges a pod by itself; if it goes and a WorkloadSpread targets it, where to is
// to be chosen together with others.
func (w World) alone(pod *corev1.Pod, peers map[types.UID]waiting) Fate {
	f := Fate{Pod: pod, Goes: true, spreading: w.Spreadings[pod.UID]}
	if match, ok := spread.MatchOf(pod); ok {
		f.From = match.Subset
	}
	if stay, stays := w.stays(pod, f.spreading, peers); stays {
		f.Goes, f.Why, f.Do, f.Holds = false, stay.why, stay.do, !stay.harmless
		return f
	}
	if f.spreading != nil {
		return f
	}
	if w.HomeOnly {
		return f.stays("no WorkloadSpread targets it, so its replacement needs a virtual node, too", "drain without --home, or target its workload with a WorkloadSpread that has a subset on own machines")
	}
	if !slices.ContainsFunc(w.Nodes, func(node *corev1.Node) bool { return w.takes(node, pod) }) {
		return f.stays("no WorkloadSpread targets it, and there is no other virtual node, ready and not cordoned, that its scheduling fields admit", byHand(pod))
	}
	return w.notBack(f)
}

func (f Fate) stays(why, do string) Fate {
	f.Goes, f.Why, f.Do, f.Holds = false, why, do, true
	return f
}

// choose has the webhook's own functions choose for the pods that would come instead,
// as if those that are asked about were gone.
func (w World) choose(s *Spreading, fates []Fate, asked []int) {
	nodes := w.cordoned()
	virtual, _ := spread.VirtualSubsets(s.Object, nodes)
	ledger := spread.Ledger{
		Spread: s.Object, Target: s.Target, Virtual: virtual, Cordoned: spread.CordonedSubsets(s.Object, virtual, nodes),
		Live: true, // nothing newer can be asked for
	}
	leaving := make(map[types.UID]bool, len(asked))
	requests := make([]spread.Request, len(asked))
	for n, i := range asked {
		pod := fates[i].Pod
		leaving[pod.UID] = true
		requests[n] = spread.Request{Pod: successor(pod), UID: string(pod.UID)}
	}
	ledger.Pods = slices.DeleteFunc(slices.Clone(s.Pods), func(pod *corev1.Pod) bool { return leaving[pod.UID] })
	for n, d := range ledger.Choose(requests).Decisions {
		fates[asked[n]] = w.decided(fates[asked[n]], d)
	}
}

// successor is the pod that a controller creates instead of one, as far as its subset
// depends on it.
func successor(pod *corev1.Pod) *corev1.Pod {
	next := &corev1.Pod{}
	next.Namespace, next.Labels, next.OwnerReferences = pod.Namespace, pod.Labels, pod.OwnerReferences
	next.Spec.NodeSelector, next.Spec.Affinity, next.Spec.Tolerations = pod.Spec.NodeSelector, pod.Spec.Affinity, pod.Spec.Tolerations
	return next
}

// decided is the fate of a pod whose replacement gets that subset.
func (w World) decided(f Fate, d spread.Decision) Fate {
	switch {
	case d.Err != nil:
		return f.stays("its WorkloadSpread cannot be honoured: "+d.Err.Error(), "correct the WorkloadSpread")
	case d.Subset == nil || d.Reason == spread.Cordoned:
		return f.stays("no other subset has room: "+d.Message, "raise maxReplicas of an earlier subset, or add one")
	case !d.Virtual:
		f.To, f.Home = d.Subset.Name, true
		return f
	case w.HomeOnly:
		return f.stays(fmt.Sprintf("its replacement would not come home: it gets %s", d.Message), "drain without --home, or raise maxReplicas of a subset on own machines")
	case !w.reaches(d.Subset.RequiredNodeSelectorTerm):
		return f.stays(fmt.Sprintf("its replacement gets subset %q, which has no virtual node that is ready and not cordoned", d.Subset.Name), "add a virtual node for the subset, or repair the one it has")
	}
	f.To = d.Subset.Name
	return w.notBack(f)
}

// notBack leaves a pod where it is whose replacement could come back to the node, cordoned as
// it is.
func (w World) notBack(f Fate) Fate {
	if toleratesCordon(f.Pod) {
		return f.stays("it tolerates cordoned nodes ("+corev1.TaintNodeUnschedulable+"), so its replacement could come back", "take that toleration out of its template")
	}
	return f
}

// byHand is what to do about a pod that nobody moves.
func byHand(pod *corev1.Pod) string {
	return fmt.Sprintf("kubectl delete pod -n %s %s", pod.Namespace, pod.Name)
}

func controllerName(pod *corev1.Pod) string {
	owner, _ := spread.ControllerOf(pod)
	return owner.Name
}

func isVirtual(node *corev1.Node) bool { return node.Labels[api.NodeTypeLabel] == api.NodeTypeVirtual }
