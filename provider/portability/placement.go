package portability

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"github.com/spillway-io/spillway/provider/capacity"
)

// passes says that a taint says how a node is at present, which changes.
func passes(taint corev1.Taint) bool { return strings.HasPrefix(taint.Key, "node.kubernetes.io/") }

// placement is whether any downstream node could take the pod, were it empty.
func placement(pod *corev1.Pod, inv Inventory) []Warning {
	nodes := inv.machines()
	if !inv.Has(Nodes) || len(nodes) == 0 {
		return nil
	}
	var warnings []Warning
	matching, w := matched(pod, nodes)
	if w != nil {
		warnings = append(warnings, *w)
	} else if w := tolerating(pod, matching); w != nil {
		warnings = append(warnings, *w)
	}
	if message, tooLarge := capacity.TooLarge(pod, nodes, capacity.Policy{}); tooLarge {
		warnings = append(warnings, Warning{
			Field: "spec.containers[].resources.requests", Text: "no downstream node could hold the pod: it " + message,
			Fix: "lower the requests, or add a larger node to the downstream cluster",
		})
	}
	return slices.Concat(warnings, topology(pod, nodes))
}

// matched returns the nodes that the pod's own nodeSelector and required node
// affinity admit, or why there is none.
func matched(pod *corev1.Pod, nodes []corev1.Node) ([]corev1.Node, *Warning) {
	required := nodeaffinity.GetRequiredNodeAffinity(pod)
	var matching []corev1.Node
	for i := range nodes {
		// What does not parse matches nothing, as for the scheduler.
		if ok, err := required.Match(&nodes[i]); ok && err == nil {
			matching = append(matching, nodes[i])
		}
	}
	if len(matching) > 0 {
		return matching, nil
	}
	fix := "label a downstream node, or change what the pod requires"
	for _, key := range slices.Sorted(maps.Keys(pod.Spec.NodeSelector)) {
		value := pod.Spec.NodeSelector[key]
		if !slices.ContainsFunc(nodes, func(n corev1.Node) bool { return n.Labels[key] == value }) {
			return nil, &Warning{
				Field: "spec.nodeSelector", Text: fmt.Sprintf("no downstream node has the label %s=%s: the pod stays Pending there", key, value),
				Fix: fmt.Sprintf("kubectl label node NODE %s=%s, in the downstream cluster, or change the nodeSelector", key, value),
			}
		}
	}
	if pod.Spec.Affinity == nil || pod.Spec.Affinity.NodeAffinity == nil {
		return nil, &Warning{Field: "spec.nodeSelector", Text: "no downstream node has all labels of nodeSelector: the pod stays Pending there", Fix: fix}
	}
	return nil, &Warning{
		Field: "spec.affinity.nodeAffinity", Fix: fix,
		Text: fmt.Sprintf("none of the %d downstream nodes matches what the pod requires of its node: the pod stays Pending there", len(nodes)),
	}
}

// tolerating says which taints keep the pod off every node that it matches.
func tolerating(pod *corev1.Pod, nodes []corev1.Node) *Warning {
	policy := capacity.Policy{Tolerated: pod.Spec.Tolerations}
	taints := make(map[string]bool)
	for i := range nodes {
		if policy.Usable(&nodes[i]) {
			return nil
		}
		for _, taint := range nodes[i].Spec.Taints {
			alone := nodes[i]
			alone.Spec.Taints = []corev1.Taint{taint}
			if !policy.Usable(&alone) {
				taints[taint.ToString()] = true
			}
		}
	}
	return &Warning{
		Field: "spec.tolerations",
		Text:  fmt.Sprintf("all downstream nodes that the pod may run on have taints that it does not tolerate (%s): it stays Pending there", strings.Join(slices.Sorted(maps.Keys(taints)), ", ")),
		Fix:   "add a toleration to the pod, or remove the taint from a downstream node",
	}
}

// topology names the topology keys by which the pod must be placed and that no
// downstream node has.
func topology(pod *corev1.Pod, nodes []corev1.Node) []Warning {
	var warnings []Warning
	missing := func(field, key string) {
		if slices.ContainsFunc(nodes, func(n corev1.Node) bool { _, has := n.Labels[key]; return has }) {
			return
		}
		warnings = append(warnings, Warning{
			Field: field, Text: fmt.Sprintf("no downstream node has the label %s: the pod stays Pending there", key),
			Fix: fmt.Sprintf("label the downstream nodes with %s, or change the constraint", key),
		})
	}
	for i, constraint := range pod.Spec.TopologySpreadConstraints {
		if constraint.WhenUnsatisfiable == corev1.DoNotSchedule {
			missing(fmt.Sprintf("spec.topologySpreadConstraints[%d]", i), constraint.TopologyKey)
		}
	}
	if pod.Spec.Affinity != nil && pod.Spec.Affinity.PodAffinity != nil {
		for i, term := range pod.Spec.Affinity.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution {
			missing(fmt.Sprintf("spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[%d]", i), term.TopologyKey)
		}
	}
	return warnings
}
