package portability

import (
	"fmt"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// agentPaths are directories of a machine that only mean something to an agent which
// runs on every machine, and speaks about what runs there.
func agentPaths() []string {
	return []string{
		"/etc/kubernetes", "/proc", "/run/containerd", "/run/crio", "/run/docker.sock", "/sys", "/var/lib/containerd", "/var/lib/docker",
		"/var/lib/kubelet", "/var/log/containers", "/var/log/pods", "/var/run/containerd", "/var/run/crio", "/var/run/docker.sock",
	}
}

// host is what a pod has of the machine it runs on, which is a downstream one.
func host(pod *corev1.Pod) []Warning {
	var warnings []Warning
	warn := func(field, text, fix string) {
		warnings = append(warnings, Warning{Field: field, Text: text, Fix: fix})
	}
	spec := &pod.Spec
	if spec.HostNetwork {
		warn("spec.hostNetwork", "the pod has the network of a downstream node: its address, its ports, and what listens on its localhost",
			"remove hostNetwork, or opt the pod out: label virtual-pod: \"false\"")
	}
	if spec.HostPID {
		warn("spec.hostPID", "the processes that the pod sees are those of a downstream node", "remove hostPID, or opt the pod out: label virtual-pod: \"false\"")
	}
	if spec.HostIPC {
		warn("spec.hostIPC", "the memory that the pod shares is that of a downstream node", "remove hostIPC, or opt the pod out: label virtual-pod: \"false\"")
	}
	for field, container := range containers(spec) {
		warnings = append(warnings, ports(field, container, spec.HostNetwork)...)
		warnings = append(warnings, addresses(field, container)...)
	}
	return slices.Concat(warnings, hostPaths(spec))
}

// ports are those that open on the machine. With the machine's network every port is
// one of those, and that is said once.
func ports(field string, container *corev1.Container, hostNetwork bool) []Warning {
	var warnings []Warning
	for i, port := range container.Ports {
		if port.HostPort != 0 && !hostNetwork {
			warnings = append(warnings, Warning{
				Field: fmt.Sprintf("%s.ports[%d].hostPort", field, i),
				Text:  fmt.Sprintf("port %d opens on a downstream node, not at the address of the virtual node", port.HostPort),
				Fix:   "remove hostPort, and reach the pod by its own address or a Service",
			})
		}
	}
	return warnings
}

// addresses are variables with the address of the machine.
func addresses(field string, container *corev1.Container) []Warning {
	var warnings []Warning
	for i, variable := range container.Env {
		if from := variable.ValueFrom; from != nil && from.FieldRef != nil && isHostAddress(from.FieldRef.FieldPath) {
			warnings = append(warnings, Warning{
				Field: fmt.Sprintf("%s.env[%d]", field, i),
				Text:  fmt.Sprintf("%s is the address of a downstream node: an agent that a DaemonSet runs on upstream nodes is not there", variable.Name),
				Fix:   "run the agent in the downstream cluster too, or inject it by a SidecarSet and use localhost",
			})
		}
	}
	return warnings
}

func isHostAddress(path string) bool { return path == "status.hostIP" || path == "status.hostIPs" }

func hostPaths(spec *corev1.PodSpec) []Warning {
	var warnings []Warning
	for i, volume := range spec.Volumes {
		if volume.HostPath == nil {
			continue
		}
		w := Warning{
			Field: fmt.Sprintf("spec.volumes[%d].hostPath", i),
			Text:  fmt.Sprintf("volume %q is %s of whichever downstream node the pod runs on, not of an upstream node", volume.Name, volume.HostPath.Path),
			Fix:   "use a PersistentVolumeClaim, an emptyDir or a ConfigMap, or provide the path on the downstream nodes",
		}
		if isOfAgents(path.Clean(volume.HostPath.Path)) {
			w.Text += ", which is what the agents of a DaemonSet read"
			w.Fix = "run the agent as a DaemonSet of the downstream cluster, and opt this pod out: label virtual-pod: \"false\""
		}
		warnings = append(warnings, w)
	}
	return warnings
}

// isOfAgents takes all of /var/log for what an agent reads, but not the folder that an app
// has in it.
func isOfAgents(folder string) bool {
	return folder == "/" || folder == "/var/log" || slices.ContainsFunc(agentPaths(), func(p string) bool { return folder == p || strings.HasPrefix(folder, p+"/") })
}

// containers yields all containers that a new pod has, by the paths of their fields.
func containers(spec *corev1.PodSpec) func(yield func(string, *corev1.Container) bool) {
	return func(yield func(string, *corev1.Container) bool) {
		for i := range spec.InitContainers {
			if !yield(fmt.Sprintf("spec.initContainers[%d]", i), &spec.InitContainers[i]) {
				return
			}
		}
		for i := range spec.Containers {
			if !yield(fmt.Sprintf("spec.containers[%d]", i), &spec.Containers[i]) {
				return
			}
		}
	}
}
