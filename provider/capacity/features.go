package capacity

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// passedOn says whether a feature that downstream nodes declare is about what a
// pod may ask for, and asks nothing of the virtual node itself but to pass it on,
// which it does (KEP-5328, declared features). Not so ExtendWebSocketsToKubelet,
// which is about a kubelet's own server, and those about devices, for which nodes
// answer in other objects too. A feature that is newer than this list may need
// fields that a virtual node does not know.
func passedOn(feature string) bool {
	switch feature {
	case "InPlacePodLevelResourcesVerticalScaling",
		"InPlacePodVerticalScalingInitContainers",
		"InPlacePodVerticalScalingMemoryBackedVolumes",
		"RestartAllContainersOnContainerExits",
		"UserNamespacesHostNetworkSupport",
		"VolumeBindMountOptions":
		return true
	default:
		return false
	}
}

// features returns, sorted, what all usable nodes declare and a virtual node passes
// on. While no node is usable, those that there are speak.
func features(nodes []corev1.Node, policy Policy) []string {
	var common []string
	for i, node := range speaking(nodes, policy) {
		if i == 0 {
			common = slices.DeleteFunc(slices.Clone(node.Status.DeclaredFeatures), func(f string) bool { return !passedOn(f) })
		}
		common = slices.DeleteFunc(common, func(f string) bool { return !slices.Contains(node.Status.DeclaredFeatures, f) })
	}
	slices.Sort(common)
	return common
}

// speaking are the nodes that tell what a downstream node is like: the usable ones,
// or all of them while there is none.
func speaking(nodes []corev1.Node, policy Policy) []*corev1.Node {
	var usable, all []*corev1.Node
	for i := range nodes {
		all = append(all, &nodes[i])
		if policy.Usable(&nodes[i]) {
			usable = append(usable, &nodes[i])
		}
	}
	if usable != nil {
		return usable
	}
	return all
}
