package sidecar

import (
	"cmp"
	"fmt"
	"iter"
	"maps"

	corev1 "k8s.io/api/core/v1"
)

// hostPort is a port of the machine that a container takes. No two of a pod can
// have one: the API server would refuse the pod.
type hostPort struct {
	protocol corev1.Protocol
	ip       string
	number   int32
}

// hostPorts are those of a container. In the network of the machine, all its ports
// are the machine's.
func hostPorts(c *corev1.Container, hostNetwork bool) iter.Seq[hostPort] {
	return func(yield func(hostPort) bool) {
		for _, p := range c.Ports {
			number := p.HostPort
			if hostNetwork {
				number = cmp.Or(number, p.ContainerPort)
			}
			if number != 0 && !yield(hostPort{cmp.Or(p.Protocol, corev1.ProtocolTCP), p.HostIP, number}) {
				return
			}
		}
	}
}

// checkPorts finds a port of the machine that another container of the pod has, or
// a set accepted so far.
func (d *draft) checkPorts(set *Set) error {
	taken := d.takenPorts(set)
	for c := range containersOf(set) {
		for port := range hostPorts(&c.Container, d.pod.Spec.HostNetwork) {
			if owner, clashes := taken[port]; clashes {
				return fmt.Errorf("container %q: port %d of the machine is taken by %s", c.Name, port.number, owner)
			}
		}
	}
	return nil
}

// takenPorts are the ports of the machine that the set cannot have, and whose they
// are.
func (d *draft) takenPorts(set *Set) map[hostPort]string {
	taken := map[hostPort]string{}
	for list := range containersIn(&d.pod.Spec) {
		for i := range list {
			if d.owns(set.Name(), &list[i]) {
				continue
			}
			for port := range hostPorts(&list[i], d.pod.Spec.HostNetwork) {
				taken[port] = fmt.Sprintf("container %q of the pod", list[i].Name)
			}
		}
	}
	maps.Copy(taken, d.ports)
	return taken
}

func (d *draft) claimPorts(set *Set) {
	for c := range containersOf(set) {
		for port := range hostPorts(&c.Container, d.pod.Spec.HostNetwork) {
			d.ports[port] = fmt.Sprintf("container %q of SidecarSet %q", c.Name, set.Name())
		}
	}
}
