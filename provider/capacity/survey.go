package capacity

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Offer is what a virtual node says of its downstream cluster. The zero value
// says that nothing is known.
type Offer struct {
	// Free is the sum over all usable nodes: allocatable resources less the
	// requests of the pods that are bound to the node, have not ended and are not
	// ours, less the policy's reserve, and its limit at most. It is never negative
	// and exact. CPU, memory, pods, and every resource that any node has are named,
	// if only to say that there is none of it.
	Free corev1.ResourceList
	// Largest is a pod for which one of the usable nodes has room at present, as a
	// whole: beside all pods that are there, ours too, and within what our pods
	// have left of Free. Of all such pods it is the one with the most CPU, then
	// the most memory, then the most of the other resources by name; another node
	// may have more of those. It is empty when no pod at all fits, and never
	// names pods.
	Largest corev1.ResourceList
	// Labels are what the nodes agree on, see Agreed; nil while there is no node.
	Labels map[string]string
	// Features are those that all nodes declare, sorted, as far as a virtual node
	// may declare them too.
	Features []string
	// Unusable says why no node takes pods; it is empty when one does.
	Unusable string
}

// Survey computes the offer of a downstream cluster from all of its nodes and
// pods. A node that others have overcommitted offers nothing of that resource;
// it takes nothing from the other nodes.
func Survey(nodes []corev1.Node, pods []corev1.Pod, ours func(*corev1.Pod) bool, policy Policy) Offer {
	rooms := make(map[string]*room, len(nodes))
	for i := range nodes {
		if policy.Usable(&nodes[i]) {
			allocatable := nodes[i].Status.Allocatable
			rooms[nodes[i].Name] = &room{free: allocatable.DeepCopy(), left: allocatable.DeepCopy()}
		}
	}
	taken := corev1.ResourceList{} // by our pods, wherever they are
	for i := range pods {
		pod := &pods[i]
		room, own := rooms[pod.Spec.NodeName], ours(pod)
		if ended(pod) || room == nil && !own {
			continue
		}
		requests := requestsOf(pod)
		if own {
			add(taken, requests)
		}
		if room != nil {
			room.take(requests, own)
		}
	}
	free := policy.offered(sum(nodes, rooms))
	return Offer{
		Free:     free,
		Largest:  largest(rooms, less(free, taken)),
		Labels:   Agreed(nodes, policy),
		Features: features(nodes, policy),
		Unusable: allUnusable(nodes, policy),
	}
}

// room is what one usable node has.
type room struct {
	// free is what others have left; left is what all have left. Both may be
	// negative.
	free, left corev1.ResourceList
}

func (r *room) take(requests corev1.ResourceList, own bool) {
	subtract(r.left, requests)
	if !own {
		subtract(r.free, requests)
	}
}

func ended(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// sum adds up what is free on usable nodes, and names what the others have.
func sum(nodes []corev1.Node, rooms map[string]*room) corev1.ResourceList {
	total := corev1.ResourceList{
		corev1.ResourceCPU:    resource.Quantity{Format: resource.DecimalSI},
		corev1.ResourceMemory: resource.Quantity{Format: resource.BinarySI},
		corev1.ResourcePods:   resource.Quantity{Format: resource.DecimalSI},
	}
	for i := range nodes {
		room := rooms[nodes[i].Name]
		for name, allocatable := range nodes[i].Status.Allocatable {
			quantity, named := total[name]
			if !named {
				quantity.Format = allocatable.Format
			}
			if room != nil {
				quantity.Add(atLeastZero(room.free[name]))
			}
			total[name] = quantity
		}
	}
	return total
}

// allUnusable tells why no node is usable, or nothing if one is.
func allUnusable(nodes []corev1.Node, policy Policy) string {
	if len(nodes) == 0 {
		return "the downstream cluster has no nodes"
	}
	counts := map[string]int{}
	for i := range nodes {
		why := policy.unusable(&nodes[i])
		if why == "" {
			return ""
		}
		counts[why]++
	}
	var parts []string
	for _, why := range []string{notReady, cordoned, tainted, gone} {
		if counts[why] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[why], why))
		}
	}
	return "no downstream node takes pods: " + strings.Join(parts, ", ")
}
