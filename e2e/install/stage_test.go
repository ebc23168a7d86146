package install

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/images"
	"github.com/spillway-io/spillway/e2e/machine"
	"github.com/spillway-io/spillway/e2e/playground"
)

// The clusters' own nodes.
const (
	ownNode    = "own"
	remoteNode = "remote"
)

// stage is two clusters, each with a kubelet and containers of its own, in one
// machine. Where one is, the other is reached by the machine's address.
type stage struct {
	upstream, downstream *playground.Cluster
	own, remote          *playground.Kubelet
}

// set starts the clusters. All of it ends with the machine.
func (s *stage) set(ctx context.Context) error {
	if err := machine.AddAddress(playground.InClusterAddress); err != nil {
		return err
	}
	paths, err := binaries.Components(ctx, binaries.Options{})
	if err != nil {
		return err
	}
	common := playground.Options{
		Dir: machine.Dir(), Binaries: paths, Address: machine.Address, Without: []playground.Component{playground.Kwok},
	}
	upstream, downstream := common, common
	upstream.Name, downstream.Name = "upstream", "downstream"
	// There is no kube-proxy: this way the API server finds webhooks behind Services,
	// and pods the API server.
	upstream.Aggregation, upstream.InCluster = true, true
	clusters, err := playground.StartAll(ctx, upstream, downstream)
	if err != nil {
		return err
	}
	s.upstream, s.downstream = clusters[0], clusters[1]
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		s.own, err = startKubelet(ctx, s.upstream, playground.KubeletOptions{
			Name: ownNode, PodCIDR: "10.245.1.0/24", Images: []images.Image{images.App(shopImage)}, Archives: archives(),
			RestartPeriod: time.Second, // as after the first end, also after the next
		})
		return err
	})
	group.Go(func() (err error) {
		s.remote, err = startKubelet(ctx, s.downstream, playground.KubeletOptions{
			Name: remoteNode, PodCIDR: "10.245.2.0/24", Labels: map[string]string{"disktype": "ssd"},
			Images: []images.Image{images.App(shopImage), images.App(webImage)},
		})
		return err
	})
	return group.Wait()
}

func startKubelet(ctx context.Context, cluster *playground.Cluster, o playground.KubeletOptions) (*playground.Kubelet, error) {
	var err error
	if o.Binaries, err = binaries.Containers(ctx, binaries.Options{}); err != nil {
		return nil, err
	}
	if o.Cgroup, err = machine.MakeCgroup(o.Name); err != nil {
		return nil, fmt.Errorf("cannot start the kubelet of %s: %w", cluster.Name(), err)
	}
	o.Cluster, o.Address = cluster, machine.Address
	return playground.StartKubelet(ctx, o)
}
