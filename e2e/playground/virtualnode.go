package playground

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// VirtualNodeOptions describe a virtual node. Binary, Name, Upstream and Downstream
// must be set.
type VirtualNodeOptions struct {
	// Binary is the path of spillway.
	Binary string
	// Name is the name of the Node object upstream.
	Name string
	// Upstream and Downstream are the clusters it connects.
	Upstream, Downstream *Cluster
	// Address is the node's address, where its kubelet API answers; the default is
	// 127.0.0.1, which API servers reach, but not through the node's proxy.
	Address string
	// Labels are put on the Node object beside the virtual node's own.
	Labels map[string]string
	// PodWorkers is how many pods are worked on at once; 0 leaves it to spillway.
	PodWorkers int
	// Replica tells several processes for one virtual node apart, of which one
	// is elected to lead; empty if there is only one.
	Replica string
	// UpstreamKubeconfig and DownstreamKubeconfig replace the kubeconfigs made for it,
	// to lead it through something in between; NodeConfig has what that needs.
	UpstreamKubeconfig, DownstreamKubeconfig string
	// ExtraArgs are added to its arguments.
	ExtraArgs []string
}

// VirtualNode is a running `spillway node`.
type VirtualNode struct {
	*Process
	Endpoints
	// Kubelet is the base URL of its kubelet API, with a certificate that the
	// upstream cluster's CA vouches for.
	Kubelet string

	node     string
	upstream *Cluster
}

// StartVirtualNode starts `spillway node` as users who may do what
// roles/node-upstream.yaml and the chart's downstream-rbac.yaml say, and waits until
// its node takes pods.
func StartVirtualNode(ctx context.Context, o VirtualNodeOptions) (*VirtualNode, error) {
	if o.Address == "" {
		o.Address = "127.0.0.1"
	}
	process := strings.TrimSuffix(o.Name+"-"+o.Replica, "-")
	dir := filepath.Join(o.Upstream.dir, process)
	v := &VirtualNode{node: o.Name, upstream: o.Upstream}
	args, err := v.prepare(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("cannot prepare virtual node %s: %w", o.Name, err)
	}
	kubelet, err := v.prepareKubelet(o, dir)
	if err != nil {
		return nil, fmt.Errorf("cannot prepare the kubelet API of virtual node %s: %w", o.Name, err)
	}
	args = append(args, kubelet...)
	if v.Process, err = StartProcess(process, dir, o.Binary, append(args, o.ExtraArgs...)...); err != nil {
		return nil, err
	}
	return v, stopUnless(ctx, v.Process, v.WaitReady(ctx))
}

func (v *VirtualNode) prepare(ctx context.Context, o VirtualNodeOptions) ([]string, error) {
	if err := v.take(&o.Upstream.reserved); err != nil {
		return nil, err
	}
	if err := o.Upstream.Apply(ctx, nodeUpstreamRoles); err != nil {
		return nil, err
	}
	downstreamRoles, err := nodeDownstreamRoles()
	if err != nil {
		return nil, err
	}
	if err := o.Downstream.applyAll(ctx, downstreamRoles); err != nil {
		return nil, err
	}
	upstream, err := nodeKubeconfig(o.UpstreamKubeconfig, o.Upstream, nodeUser(o.Name), nodeGroup)
	if err != nil {
		return nil, err
	}
	downstream, err := nodeKubeconfig(o.DownstreamKubeconfig, o.Downstream, downstreamUser(o.Name), downstreamGroup)
	if err != nil {
		return nil, err
	}
	args := []string{
		"node",
		"--name=" + o.Name,
		"--kubeconfig=" + upstream,
		"--downstream-kubeconfig=" + downstream,
		"--internal-ip=" + o.Address,
		"--leader-elect=true",
		"--leader-elect-namespace=" + spillwayNamespace,
		"--health-address=" + v.health,
		"--metrics-address=" + v.metrics,
	}
	if len(o.Labels) > 0 {
		var labels []string
		for _, key := range slices.Sorted(maps.Keys(o.Labels)) {
			labels = append(labels, key+"="+o.Labels[key])
		}
		args = append(args, "--node-labels="+strings.Join(labels, ","))
	}
	if o.PodWorkers > 0 {
		args = append(args, "--pod-workers="+strconv.Itoa(o.PodWorkers))
	}
	return args, nil
}

// nodeUser is who a virtual node is upstream.
func nodeUser(node string) string { return "spillway-node-" + node }

// downstreamUser is who it is downstream.
func downstreamUser(node string) string { return "spillway-downstream-node-" + node }

// nodeKubeconfig is the given path or, if it is empty, that of a new kubeconfig.
func nodeKubeconfig(given string, c *Cluster, user, group string) (string, error) {
	if given != "" {
		return given, nil
	}
	return c.Kubeconfig(user, group)
}

// NodeConfig returns a new client configuration that acts as the virtual node of
// that name does in this cluster, as its upstream. It may do nothing until
// StartVirtualNode has granted the rights.
func (c *Cluster) NodeConfig(node string) (*rest.Config, error) {
	return c.configOf(nodeUser(node), nodeGroup)
}

// DownstreamNodeConfig is the same for a virtual node whose downstream cluster this is.
func (c *Cluster) DownstreamNodeConfig(node string) (*rest.Config, error) {
	return c.configOf(downstreamUser(node), downstreamGroup)
}

func (c *Cluster) configOf(user, group string) (*rest.Config, error) {
	keys, err := c.ca.issueClient(user, group)
	if err != nil {
		return nil, err
	}
	return c.config(keys), nil
}

// prepareKubelet gives the kubelet API a port and a certificate, and returns the
// arguments for it.
func (v *VirtualNode) prepareKubelet(o VirtualNodeOptions, dir string) ([]string, error) {
	port, err := o.Upstream.reserved.Take()
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort(o.Address, strconv.Itoa(port))
	v.Kubelet = "https://" + address
	serving, err := o.Upstream.ca.issueServer("virtual-node", o.Name, o.Address)
	if err != nil {
		return nil, err
	}
	return []string{
		"--kubelet-address=" + address,
		"--tls-cert-file=" + filepath.Join(dir, "kubelet.crt"),
		"--tls-private-key-file=" + filepath.Join(dir, "kubelet.key"),
		"--client-ca-file=" + o.Upstream.pki("ca.crt"),
	}, serving.write(dir, "kubelet")
}

// WaitReady waits until the process says it is ready and pods can be scheduled
// to its node.
func (v *VirtualNode) WaitReady(ctx context.Context) error {
	return eventuallyAlive(ctx, v.Process, "virtual node "+v.node+" takes pods", func(ctx context.Context) error {
		if _, err := get(ctx, http.DefaultClient, v.Health+"/readyz"); err != nil {
			return err
		}
		node, err := v.upstream.client.CoreV1().Nodes().Get(ctx, v.node, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if node.Status.Allocatable.Pods().IsZero() {
			return errors.New("it has room for no pod")
		}
		return schedulable(node)
	})
}
