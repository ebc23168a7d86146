// Package placement judges whether pods run where their author allows: it
// compares constraints, as they were written, with the nodes that were chosen.
// It is the referee of the demo and of the stories, so it takes nothing from
// Spillway: neither its stash nor its code. It only judges the constraints that
// Kubernetes enforces, and says so when it meets one that it cannot judge.
package placement

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	schedulinghelpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
)

// Pod is a pod where it runs.
type Pod struct {
	// Author is the pod as its author wrote it, with namespace and labels.
	Author *corev1.Pod
	// Node is the node that runs it.
	Node *corev1.Node
}

// Violations lists, as sentences, the constraints of pod that its node does not
// satisfy. All are the pods of its cluster, pod among them, and nodes all nodes
// it could have gone to. An empty result means that every constraint holds.
func Violations(pod Pod, all []Pod, nodes []*corev1.Node) []string {
	return slices.Concat(
		nodeAffinity(pod),
		taints(pod),
		podAffinity(pod, all),
		podAntiAffinity(pod, all),
		topologySpread(pod, all, nodes),
	)
}

// PreferredBest says whether no node that the pod may run on suits the node
// affinity it prefers better than the one it runs on. A preference is no
// constraint: a scheduler may have reasons to choose otherwise.
func PreferredBest(pod Pod, nodes []*corev1.Node) (bool, error) {
	terms, err := nodeaffinity.NewPreferredSchedulingTerms(preferredNodes(pod.Author))
	if err != nil {
		return false, fmt.Errorf("cannot read the preferred node affinity of %s: %w", pod.Author.Name, err)
	}
	score := terms.Score(pod.Node)
	for _, node := range nodes {
		other := Pod{Author: pod.Author, Node: node}
		if terms.Score(node) > score && len(nodeAffinity(other)) == 0 && len(taints(other)) == 0 {
			return false, nil
		}
	}
	return true, nil
}

// Prefers says whether the pod's author stated a preference between nodes.
func Prefers(author *corev1.Pod) bool { return len(preferredNodes(author)) > 0 }

func preferredNodes(author *corev1.Pod) []corev1.PreferredSchedulingTerm {
	if author.Spec.Affinity == nil || author.Spec.Affinity.NodeAffinity == nil {
		return nil
	}
	return author.Spec.Affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution
}

// nodeAffinity judges nodeSelector and required node affinity.
func nodeAffinity(pod Pod) []string {
	match, err := nodeaffinity.GetRequiredNodeAffinity(pod.Author).Match(pod.Node)
	if err != nil {
		return []string{fmt.Sprintf("cannot judge its node affinity: %v", err)}
	}
	if !match {
		return []string{fmt.Sprintf("node %s has not the labels it requires", pod.Node.Name)}
	}
	return nil
}

func taints(pod Pod) []string {
	forbids := func(taint *corev1.Taint) bool { return taint.Effect != corev1.TaintEffectPreferNoSchedule }
	taint, found := schedulinghelpers.FindMatchingUntoleratedTaint(
		klog.Background(), pod.Node.Spec.Taints, pod.Author.Spec.Tolerations, forbids, false)
	if !found {
		return nil
	}
	return []string{fmt.Sprintf("it does not tolerate %s of node %s", taint.ToString(), pod.Node.Name)}
}
