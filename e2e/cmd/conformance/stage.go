package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/machine"
	"github.com/spillway-io/spillway/e2e/playground"
)

const (
	realNode    = "metal"
	virtualName = "east"
	podCIDR     = "10.245.0.0/24"
)

//go:embed upstream.yaml
var rules string

// stage is where the suite runs: everything of it ends with the machine.
type stage struct {
	// cluster is the one the suite talks to, clusters are all.
	cluster  *playground.Cluster
	clusters []*playground.Cluster
}

// setStage starts the clusters for a subject, each with one node.
func setStage(ctx context.Context, root string, o options) (*stage, error) {
	paths, err := binaries.Components(ctx, binaries.Options{Root: root})
	if err != nil {
		return nil, err
	}
	names := []string{"cluster"}
	if o.subject == virtualNode {
		names = []string{"upstream", "downstream"}
	}
	var all []playground.Options
	for _, name := range names {
		all = append(all, playground.Options{
			Name: name, Dir: machine.Dir(), Binaries: paths, Address: machine.Address,
			Without: []playground.Component{playground.Kwok},
		})
	}
	clusters, err := playground.StartAll(ctx, all...)
	if err != nil {
		return nil, err
	}
	s := &stage{cluster: clusters[0], clusters: clusters}
	if err := startKubelet(ctx, root, clusters[len(clusters)-1]); err != nil {
		return nil, err
	}
	if o.subject == kubelet {
		return s, nil
	}
	return s, startVirtualNode(ctx, clusters[0], clusters[1], o)
}

func startKubelet(ctx context.Context, root string, cluster *playground.Cluster) error {
	containers, err := binaries.Containers(ctx, binaries.Options{Root: root})
	if err != nil {
		return err
	}
	programs, err := binaries.Conformance(ctx, binaries.Options{Root: root})
	if err != nil {
		return err
	}
	cgroup, err := machine.MakeCgroup(realNode)
	if err != nil {
		return err
	}
	_, err = playground.StartKubelet(ctx, playground.KubeletOptions{
		Name: realNode, Cluster: cluster, Binaries: containers,
		Address: machine.Address, PodCIDR: podCIDR, Cgroup: cgroup,
		Images: suiteImages(programs), Snapshotter: snapshotter(),
	})
	return err
}

// snapshotter is overlayfs where it can be mounted: agnhost has 100 MB.
func snapshotter() string {
	dir, err := os.MkdirTemp(machine.Dir(), "overlay-")
	if err != nil {
		return "native"
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(in(name), 0o755); err != nil {
			return "native"
		}
	}
	layers := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", in("lower"), in("upper"), in("work"))
	if err := unix.Mount("overlay", in("merged"), "overlay", 0, layers); err != nil {
		return "native"
	}
	if err := unix.Unmount(in("merged"), 0); err != nil {
		return "native"
	}
	return "overlayfs"
}

// startVirtualNode starts the virtual node; pods have their own cluster's API, as
// on a kubelet.
func startVirtualNode(ctx context.Context, upstream, downstream *playground.Cluster, o options) error {
	if err := setRules(ctx, upstream); err != nil {
		return err
	}
	args := []string{
		// One process that nobody starts again: on a busy machine it would give up.
		"--leader-elect=false",
		"--pod-api-access=upstream",
		"--pod-api-server=" + strings.TrimPrefix(upstream.APIServerURL(), "https://"),
	}
	_, err := playground.StartVirtualNode(ctx, playground.VirtualNodeOptions{
		Binary: o.spillway, Name: virtualName, Upstream: upstream, Downstream: downstream,
		Address: machine.Address, ExtraArgs: append(args, strings.Fields(o.nodeArgs)...),
	})
	return err
}

// setRules sets the administrator's rules and waits until they are in effect.
func setRules(ctx context.Context, upstream *playground.Cluster) error {
	if err := upstream.Apply(ctx, rules); err != nil {
		return err
	}
	return playground.Eventually(ctx, "the rules are in effect", func(ctx context.Context) error {
		node := &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: "tainted"},
			Spec:       corev1.NodeSpec{Taints: []corev1.Taint{{Key: api.ProviderTaintKey, Effect: corev1.TaintEffectNoSchedule}}},
		}
		admitted, err := upstream.Client().CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err != nil {
			return err
		}
		for _, taint := range admitted.Spec.Taints {
			if taint.Key == api.ProviderTaintKey {
				return errors.New("nodes keep their taint")
			}
		}
		return nil
	})
}
