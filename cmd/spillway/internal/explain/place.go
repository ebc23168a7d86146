package explain

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/component-helpers/storage/volume"

	"github.com/spillway-io/spillway/api"
)

// placeSection is about where the pod is.
func (w world) placeSection(pod *corev1.Pod) (*Place, []Advice) {
	p := &Place{Node: pod.Spec.NodeName, Virtual: w.isVirtual(pod.Spec.NodeName), Phase: phaseOf(pod), DownstreamNode: pod.Annotations[api.DownstreamNodeAnnotation]}
	p.Waits, _ = waits(pod)
	if node, virtual := w.virtualNode(pod.Spec.NodeName); virtual {
		p.Ready = readiness(node)
	}
	if b := w.Below; b != nil {
		p.Source = b.Source
		if b.Pod != nil {
			p.Downstream, p.DownstreamPhase = b.Pod.Namespace+"/"+b.Pod.Name, phaseOf(b.Pod)
			p.DownstreamNode = b.Pod.Spec.NodeName
		}
	}
	switch {
	case pod.Status.Phase == corev1.PodSucceeded, pod.DeletionTimestamp != nil && pod.Spec.NodeName == "":
		return p, nil
	case pod.Spec.NodeName == "":
		return p, w.unscheduled(pod)
	case p.Virtual:
		return p, slices.Concat(w.nodeAdvice(pod), w.storageAdvice(pod), w.waitingAdvice(pod), containerAdvice(pod))
	default:
		return p, containerAdvice(pod)
	}
}

func phaseOf(pod *corev1.Pod) string {
	if pod.DeletionTimestamp != nil {
		return "Terminating"
	}
	if pod.Status.Phase == "" {
		return string(corev1.PodPending)
	}
	return string(pod.Status.Phase)
}

func readiness(node *corev1.Node) string {
	for _, c := range node.Status.Conditions {
		if c.Type != corev1.NodeReady {
			continue
		}
		if c.Status == corev1.ConditionTrue {
			return "Ready"
		}
		return fmt.Sprintf("not Ready (%s): %s", c.Reason, c.Message)
	}
	return "not Ready: it has no such condition"
}

// unscheduled is for a pod that no node was found for.
func (w world) unscheduled(pod *corev1.Pod) []Advice {
	scheduled := conditionOf(pod, corev1.PodScheduled)
	word := "no scheduler has looked at it"
	if scheduled != nil && scheduled.Status == corev1.ConditionFalse {
		word = join(scheduled.Reason, scheduled.Message)
	}
	if len(pod.Spec.SchedulingGates) > 0 {
		return []Advice{{Severity: Note, Cause: fmt.Sprintf("the pod waits behind the scheduling gate %q", pod.Spec.SchedulingGates[0].Name), Do: []string{"remove the gate, or find out who is to"}}}
	}
	advice := []Advice{{Severity: Warning, Cause: "the upstream scheduler has found no node for the pod: " + word, Do: []string{"make room on nodes that it may run on, or correct what it asks for"}}}
	if !asksForVirtual(pod) {
		return advice
	}
	if len(w.VirtualNodes) == 0 {
		return []Advice{{
			Severity: Error, Cause: "the pod is to run on a virtual node, and there is none in this cluster",
			Do: []string{"install one (values of the chart: virtualNodes), or look why it does not come up: kubectl get deployments -A -l " + api.VirtualNodeLabel},
		}}
	}
	// The scheduler's own word comes last: it lists symptoms.
	return append(w.closedNodes(pod), advice...)
}

// closedNodes are the virtual nodes that the pod asks for, and that take no such pod.
func (w world) closedNodes(pod *corev1.Pod) []Advice {
	var advice []Advice
	for i := range w.VirtualNodes {
		node := &w.VirtualNodes[i]
		if asksFor, err := nodeaffinity.GetRequiredNodeAffinity(pod).Match(node); err == nil && !asksFor {
			continue
		}
		switch {
		case node.Spec.Unschedulable:
			advice = append(advice, Advice{Severity: Warning, Cause: fmt.Sprintf("virtual node %q is cordoned", node.Name), Do: []string{"kubectl uncordon " + node.Name}})
		case readiness(node) != "Ready":
			advice = append(advice, notReady(node))
		}
		for _, taint := range node.Spec.Taints {
			if isForeign(taint) && !slices.ContainsFunc(pod.Spec.Tolerations, func(t corev1.Toleration) bool { return t.Key == "" || t.Key == taint.Key }) {
				advice = append(advice, Advice{Severity: Warning, Cause: fmt.Sprintf("virtual node %q has the taint %s, which the pod does not tolerate", node.Name, taint.ToString()), Do: []string{"tolerate it in the pod's template, or remove the taint"}})
			}
		}
	}
	return advice
}

// asksForVirtual says whether the pod was sent to virtual nodes: then it has a stash.
func asksForVirtual(pod *corev1.Pod) bool {
	_, stashed := pod.Annotations[api.StashAnnotation]
	return stashed
}

// isForeign leaves out the taints that are ours, and Kubernetes' own.
func isForeign(taint corev1.Taint) bool {
	return taint.Key != api.ProviderTaintKey && !strings.HasPrefix(taint.Key, "node.kubernetes.io/") && taint.Effect != corev1.TaintEffectPreferNoSchedule
}

func notReady(node *corev1.Node) Advice {
	return Advice{
		Severity: Error, Cause: fmt.Sprintf("virtual node %q is %s", node.Name, readiness(node)),
		Do: []string{fmt.Sprintf("kubectl get deployments,pods -A -l %s=%s", api.VirtualNodeLabel, node.Name), "spillway doctor"},
	}
}

func (w world) nodeAdvice(pod *corev1.Pod) []Advice {
	if node, virtual := w.virtualNode(pod.Spec.NodeName); virtual && readiness(node) != "Ready" {
		return []Advice{notReady(node)}
	}
	return nil
}

// storageAdvice is about downstream claims that cannot get a volume.
func (w world) storageAdvice(pod *corev1.Pod) []Advice {
	if w.Below == nil {
		return nil
	}
	var advice []Advice
	for i := range w.Below.Claims {
		claim := &w.Below.Claims[i]
		if claim.Status.Phase == corev1.ClaimBound || claim.Spec.VolumeName != "" {
			continue
		}
		class := "the default one"
		if claim.Spec.StorageClassName != nil {
			class = *claim.Spec.StorageClassName
		}
		known := w.Below.StorageClasses
		switch {
		case known != nil && claim.Spec.StorageClassName != nil && class != "" && !slices.Contains(known, class):
			advice = append(advice, Advice{
				Severity: Error,
				Cause:    fmt.Sprintf("claim %q waits downstream for StorageClass %q, which the downstream cluster does not have (it has: %s)", claim.Name, class, listed(known)),
				Do: []string{
					fmt.Sprintf("create StorageClass %q downstream; claim and pod go on by themselves", class),
					fmt.Sprintf("or name one that is there: parameter %s of the upstream StorageClass%s, which has to be created anew for that, or --storage-class-map of the virtual node; "+
						"then delete the claim in both clusters, and the pod: kubectl -n %s delete --wait=false pvc/%s pod/%s",
						api.StorageClassParameter, w.upstreamClass(claim.Name), pod.Namespace, claim.Name, pod.Name),
				},
			})
		case claim.Spec.StorageClassName == nil:
			advice = append(advice, Advice{
				Severity: Error, Cause: fmt.Sprintf("claim %q names no StorageClass, and the downstream cluster has no default one", claim.Name),
				Do: []string{"mark one as default downstream: kubectl annotate storageclass NAME " + "storageclass.kubernetes.io/is-default-class=true"},
			})
		case claim.Annotations[volume.AnnSelectedNode] != "":
			advice = append(advice, Advice{Severity: Warning, Cause: fmt.Sprintf("claim %q waits downstream for a volume of StorageClass %q", claim.Name, class), Do: []string{"look at the provisioner of that class downstream"}})
		}
	}
	return advice
}

func (w world) upstreamClass(claim string) string {
	for i := range w.Claims {
		if w.Claims[i].Name == claim && w.Claims[i].Spec.StorageClassName != nil {
			return fmt.Sprintf(" %q", *w.Claims[i].Spec.StorageClassName)
		}
	}
	return ""
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func conditionOf(pod *corev1.Pod, t corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == t {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}
