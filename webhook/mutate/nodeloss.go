package mutate

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
)

// stayOnNodeLoss has a pod that is sent to a virtual node stay there when the
// node is lost, if it or its namespace asks for that: it tolerates the taints of
// lost nodes without an end. A subset's patch may have set the annotation; no
// SidecarSet may.
//
//	pod's annotation  namespace's  the pod
//	stay              any          stays
//	move              any          moves: Kubernetes' own eviction
//	other             any          moves, with a warning
//	none              stay         stays
//	none              move, none   moves
//	none              other        moves, with a warning
//
// The stash has the author's own tolerations by then, so downstream, where nodes
// have losses of their own, the pod is as patient as its author made it.
func stayOnNodeLoss(pod *corev1.Pod, namespace Namespace, to destination) (*corev1.Pod, []string) {
	if !to.tolerates {
		return pod, nil
	}
	stays, warnings := asksToStay(pod, namespace)
	if !stays {
		return pod, warnings
	}
	staying := *pod
	staying.Spec.Tolerations = tolerateLoss(pod.Spec.Tolerations)
	return &staying, warnings
}

func asksToStay(pod *corev1.Pod, namespace Namespace) (stays bool, warnings []string) {
	asker := "the pod"
	value, asks := pod.Annotations[api.OnNodeLossAnnotation]
	if !asks {
		if namespace.Err != nil {
			return false, []string{fmt.Sprintf("Spillway cannot tell whether namespace %q has its pods stay when their virtual node is lost (annotation %s), so the pod will not: %v",
				namespace.Name, api.OnNodeLossAnnotation, namespace.Err)}
		}
		asker = fmt.Sprintf("namespace %q", namespace.Name)
		value, asks = namespace.Annotations[api.OnNodeLossAnnotation]
	}
	if !asks || value == api.OnNodeLossMove || value == api.OnNodeLossStay {
		return value == api.OnNodeLossStay, nil
	}
	return false, []string{fmt.Sprintf("annotation %s=%q of %s is neither %q nor %q; the pod is evicted as any other when its node is lost",
		api.OnNodeLossAnnotation, value, asker, api.OnNodeLossStay, api.OnNodeLossMove)}
}

// tolerateLoss returns tolerations under which a pod is not evicted for either of
// the taints of a lost node. The first toleration that matches a taint decides for
// how long, and the API server has added some that end after 300 s. So those go,
// and ours come before what else matches, such as a toleration of all taints that
// ends.
func tolerateLoss(tolerations []corev1.Toleration) []corev1.Toleration {
	taints := []string{corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable}
	kept := slices.DeleteFunc(slices.Clone(tolerations), func(t corev1.Toleration) bool {
		return t.TolerationSeconds != nil && slices.Contains(taints, t.Key) && toleratesLoss(t, t.Key)
	})
	var added []corev1.Toleration
	for _, taint := range taints {
		first := slices.IndexFunc(kept, func(t corev1.Toleration) bool { return toleratesLoss(t, taint) })
		if first < 0 || kept[first].TolerationSeconds != nil {
			added = append(added, corev1.Toleration{Key: taint, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute})
		}
	}
	return append(added, kept...)
}

// toleratesLoss follows the rules of Toleration.ToleratesTaint for a taint without
// a value that has the effect NoExecute. Without a value no comparison holds.
func toleratesLoss(t corev1.Toleration, taint string) bool {
	if t.Effect != "" && t.Effect != corev1.TaintEffectNoExecute || t.Key != "" && t.Key != taint {
		return false
	}
	return t.Operator == corev1.TolerationOpExists || (t.Operator == "" || t.Operator == corev1.TolerationOpEqual) && t.Value == ""
}
