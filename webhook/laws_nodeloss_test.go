package webhook_test

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/spillway-io/spillway/webhook/mutate"
)

// lawNodeLoss: a pod that is to stay tolerates both taints of a lost node without
// an end, by the rules of Kubernetes' eviction; others keep the tolerations they
// had. A pod's annotation beats its namespace's, and a second admission sees no
// difference.
func lawNodeLoss(d dice, pod *corev1.Pod) error {
	in := mutate.Input{Pod: pod, Create: true, Namespace: mutate.Namespace{Name: "default"}}
	if d.oneIn(2) {
		in.Namespace.Annotations = map[string]string{"spillway.io/on-node-loss": d.onNodeLoss()}
	}
	asks, ok := pod.Annotations["spillway.io/on-node-loss"]
	if !ok {
		asks = in.Namespace.Annotations["spillway.io/on-node-loss"]
	}
	out := mutate.Admit(in, policy())
	if out.Denied != nil || out.Skipped != "" {
		return fmt.Errorf("skipped %q, denied %w", out.Skipped, out.Denied)
	}
	if asks == "stay" {
		for _, taint := range []string{"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"} {
			if first := firstFor(out.Pod, taint); first == nil || first.TolerationSeconds != nil {
				return fmt.Errorf("taint %s: %s of %s decides", taint, toJSON(first), toJSON(out.Pod.Spec.Tolerations))
			}
		}
	} else if had := pod.Spec.Tolerations; toJSON(had) != toJSON(out.Pod.Spec.Tolerations[:len(had)]) && len(had) > 0 {
		return fmt.Errorf("annotation %q: tolerations %s became %s", asks, toJSON(had), toJSON(out.Pod.Spec.Tolerations))
	}
	in.Pod = fromJSON(toJSON(out.Pod))
	if again := mutate.Admit(in, policy()); toJSON(again.Pod) != toJSON(out.Pod) {
		return fmt.Errorf("admitted again: %s becomes %s", toJSON(out.Pod.Spec.Tolerations), toJSON(again.Pod.Spec.Tolerations))
	}
	return nil
}

// firstFor is the toleration that decides how long the pod stays on a node with a
// taint, as Kubernetes' taint eviction chooses it.
func firstFor(pod *corev1.Pod, taint string) *corev1.Toleration {
	lost := corev1.Taint{Key: taint, Effect: corev1.TaintEffectNoExecute}
	i := slices.IndexFunc(pod.Spec.Tolerations, func(t corev1.Toleration) bool { return t.ToleratesTaint(klog.Background(), &lost, true) })
	if i < 0 {
		return nil
	}
	return &pod.Spec.Tolerations[i]
}
