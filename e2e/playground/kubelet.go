package playground

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/images"
)

//go:embed kubelet.yaml
var kubeletConfig string

// KubeletOptions describe a node with a real kubelet. All but Labels, Images,
// Archives, Snapshotter and RestartPeriod must be set.
type KubeletOptions struct {
	// Name is the name of the Node object, at most eleven characters: it is part
	// of a network device's name.
	Name string
	// Cluster is the cluster the node joins.
	Cluster *Cluster
	// Binaries are the programs that run containers.
	Binaries binaries.ContainerPaths
	// Address is the node's address: one of this network namespace that is not
	// the loopback's. The API server must reach it.
	Address string
	// PodCIDR is the network that pods get their addresses from; no two kubelets
	// in one network namespace may have the same.
	PodCIDR string
	// Cgroup is the cgroup below which those of the node's pods are made, as a
	// path below the roots of all hierarchies. It must exist and be nobody else's:
	// a kubelet ends what it does not know there.
	Cgroup string
	// Labels are put on the Node object, as far as a kubelet may.
	Labels map[string]string
	// Images are there for pods whose imagePullPolicy is not Always. There are no
	// others, and nothing to pull from.
	Images []images.Image
	// Archives are paths of archives with further images, by the name of the image in
	// each, see Kubelet.LoadImage.
	Archives map[string]string
	// Snapshotter is how containerd makes the root file systems of containers:
	// "native", the default, copies them and works everywhere; "overlayfs" mounts
	// them, which is what images of many megabytes ask for.
	Snapshotter string
	// RestartPeriod is the longest that a container waits to be started again, from one
	// second to five minutes, the default.
	RestartPeriod time.Duration
}

// Kubelet is a running kubelet.
type Kubelet struct {
	*Process
	// Containerd runs its containers.
	Containerd *Process

	node    string
	cluster *Cluster
	runtime *containerd
}

// StartKubelet starts containerd and a kubelet as a node of a cluster, and waits
// until pods can go there. That takes root, and leaves behind what a node leaves
// behind when its power fails: containers, their shims, mounts, cgroups. So it
// belongs on a machine that ends with it, see package machine.
func StartKubelet(ctx context.Context, o KubeletOptions) (*Kubelet, error) {
	k := &Kubelet{node: o.Name, cluster: o.Cluster}
	dir := filepath.Join(o.Cluster.dir, o.Name)
	runtime, err := startContainerd(ctx, dir, o)
	if err != nil {
		return nil, fmt.Errorf("cannot start containerd for node %s: %w", o.Name, err)
	}
	k.runtime, k.Containerd = runtime, runtime.Process
	args, err := k.prepare(o, dir, runtime.socket)
	if err != nil {
		return nil, stopUnless(ctx, runtime.Process, fmt.Errorf("cannot prepare the kubelet of node %s: %w", o.Name, err))
	}
	if k.Process, err = StartProcess("kubelet", dir, o.Cluster.binaries.Kubelet, args...); err != nil {
		return nil, stopUnless(ctx, runtime.Process, err)
	}
	if err := k.WaitReady(ctx); err != nil {
		return nil, errors.Join(err, k.Stop(context.WithoutCancel(ctx)))
	}
	return k, nil
}

// prepare writes what the kubelet reads and returns its arguments.
func (k *Kubelet) prepare(o KubeletOptions, dir, socket string) ([]string, error) {
	var ports [2]int
	for i := range ports {
		var err error
		if ports[i], err = o.Cluster.reserved.Take(); err != nil {
			return nil, err
		}
	}
	serving, err := o.Cluster.ca.issueServer("kubelet", o.Name, o.Address)
	if err != nil {
		return nil, err
	}
	if err := serving.write(dir, "kubelet"); err != nil {
		return nil, err
	}
	kubeconfig, err := o.Cluster.Kubeconfig("system:node:"+o.Name, "system:nodes")
	if err != nil {
		return nil, err
	}
	resolvConf := filepath.Join(dir, "resolv.conf")
	if err := os.WriteFile(resolvConf, nil, 0o644); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "kubelet.yaml")
	if err := fill(config, kubeletConfig, map[string]any{
		"Dir": dir, "Address": o.Address, "Port": ports[0], "HealthPort": ports[1],
		"Cert": filepath.Join(dir, "kubelet.crt"), "Key": filepath.Join(dir, "kubelet.key"), "CA": o.Cluster.pki("ca.crt"),
		"Socket": socket, "CgroupRoot": o.Cgroup, "ResolvConf": resolvConf, "ClientRate": strconv.Itoa(clientRate),
		"RestartPeriod": o.RestartPeriod,
	}); err != nil {
		return nil, err
	}
	var labels []string
	for _, key := range slices.Sorted(maps.Keys(o.Labels)) {
		labels = append(labels, key+"="+o.Labels[key])
	}
	return []string{
		"--config=" + config,
		"--kubeconfig=" + kubeconfig,
		"--hostname-override=" + o.Name,
		"--node-ip=" + o.Address,
		"--node-labels=" + strings.Join(labels, ","),
		"--root-dir=" + filepath.Join(dir, "kubelet"),
		"--cert-dir=" + filepath.Join(dir, "certs"),
		// With the default, 1, a container that is created and not started yet counts
		// as the old one that is kept, and the log of the one before is gone. Where
		// starting takes seconds, somebody notices.
		"--maximum-dead-containers-per-container=2",
	}, nil
}

// WaitReady waits until pods can be scheduled to the node.
func (k *Kubelet) WaitReady(ctx context.Context) error {
	return eventuallyAlive(ctx, k.Process, "node "+k.node+" is ready", func(ctx context.Context) error {
		node, err := k.cluster.client.CoreV1().Nodes().Get(ctx, k.node, metav1.GetOptions{})
		if err != nil {
			return err
		}
		return schedulable(node)
	})
}

// LoadImage makes an image available to pods: name is what they call it, "app:1",
// and archive the path of a tar that holds it, an OCI image layout or what `docker
// save` writes. One of the same name is replaced for containers that start later.
func (k *Kubelet) LoadImage(ctx context.Context, name, archive string) error {
	return k.runtime.load(ctx, archive, name)
}

// ContainerPID is the id of a running container's first process, as this process sees
// it. The container's id is as the status of its pod says it, "containerd://...".
func (k *Kubelet) ContainerPID(ctx context.Context, container string) (int, error) {
	tasks, err := k.runtime.ask(ctx, "tasks", "ls")
	if err != nil {
		return 0, err
	}
	id := strings.TrimPrefix(container, "containerd://")
	for line := range strings.Lines(tasks) {
		if task := strings.Fields(line); len(task) == 3 && task[0] == id && task[2] == "RUNNING" {
			return strconv.Atoi(task[1])
		}
	}
	return 0, fmt.Errorf("container %s does not run on node %s", container, k.node)
}

// Stop ends the kubelet and containerd. Containers run on, as they do on every
// node, until the machine ends.
func (k *Kubelet) Stop(ctx context.Context) error {
	return errors.Join(stopTogether(ctx, []*Process{k.Process}), stopTogether(ctx, []*Process{k.Containerd}))
}
