package stats

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spillway-io/spillway/provider/translate"
)

// pod is one of ours that a downstream node runs. Both are shared memory and not
// modified.
type pod struct {
	upstream, downstream *corev1.Pod
}

// ours pairs the upstream pods of the virtual node with the downstream pods that
// stand for them, as far as a downstream node has taken them up and they have not
// ended, in the order of the downstream pods.
func ours(id translate.Identity, upstream, downstream []corev1.Pod) []pod {
	byName := make(map[types.NamespacedName]*corev1.Pod, len(upstream))
	for i := range upstream {
		if up := &upstream[i]; up.Spec.NodeName == id.Node.Name {
			byName[types.NamespacedName{Namespace: up.Namespace, Name: up.Name}] = up
		}
	}
	var pairs []pod
	for i := range downstream {
		down := &downstream[i]
		if down.Spec.NodeName == "" || !translate.Started(down) || translate.Finished(down) || !id.Owns(down) {
			continue
		}
		namespace, ok := id.Namespaces.Upstream(down.Namespace)
		if !ok {
			continue
		}
		up := byName[types.NamespacedName{Namespace: namespace, Name: down.Name}]
		if up != nil && id.StandsFor(down, up) {
			pairs = append(pairs, pod{upstream: up, downstream: down})
		}
	}
	return pairs
}

// nodesOf are the downstream nodes that run the pods, each once, in the order of
// the pods.
func nodesOf(pods []pod) []string {
	var names []string
	seen := make(map[string]bool)
	for _, p := range pods {
		if name := p.downstream.Spec.NodeName; !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// listed are the names of the upstream pod's containers. Each of its containers
// and sidecars is always told of; an init or ephemeral container, which value is
// false, only while there are figures.
func listed(spec *corev1.PodSpec) map[string]bool {
	names := make(map[string]bool, len(spec.Containers)+len(spec.InitContainers)+len(spec.EphemeralContainers))
	for i := range spec.EphemeralContainers {
		names[spec.EphemeralContainers[i].Name] = false
	}
	for i := range spec.InitContainers {
		c := &spec.InitContainers[i]
		names[c.Name] = c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
	}
	for i := range spec.Containers {
		names[spec.Containers[i].Name] = true
	}
	return names
}
