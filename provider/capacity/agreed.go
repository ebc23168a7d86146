package capacity

import (
	corev1 "k8s.io/api/core/v1"
)

// AgreedKeys are the labels that Agreed looks at.
func AgreedKeys() []string {
	return []string{
		corev1.LabelArchStable, corev1.LabelOSStable,
		corev1.LabelTopologyZone, corev1.LabelTopologyRegion, corev1.LabelInstanceTypeStable,
	}
}

// Agreed returns the labels of AgreedKeys that all usable nodes have, with the
// same value. A label on which they disagree, or which one of them lacks, would
// be a lie about some of the pods, and is left out, architecture and operating
// system included. While no node is usable, those that there are speak; without
// any node the result is nil: nothing is known.
func Agreed(nodes []corev1.Node, policy Policy) map[string]string {
	var agreed map[string]string
	for _, node := range speaking(nodes, policy) {
		agreed = agree(agreed, node)
	}
	return agreed
}

// agree is what is left of labels after a further node; nil before the first.
func agree(labels map[string]string, node *corev1.Node) map[string]string {
	rest := map[string]string{}
	for _, key := range AgreedKeys() {
		value, said := node.Labels[key]
		if before, agreed := labels[key]; said && (labels == nil || agreed && before == value) {
			rest[key] = value
		}
	}
	return rest
}
