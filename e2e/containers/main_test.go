package containers

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/images"
	"github.com/spillway-io/spillway/e2e/leftout"
	"github.com/spillway-io/spillway/e2e/machine"
	"github.com/spillway-io/spillway/e2e/playground"
)

const (
	startTimeout = 90 * time.Second
	storyTimeout = 2 * time.Minute

	// realNode is the downstream cluster's node, virtualNode the upstream one
	// that stands for the cluster.
	realNode    = "metal"
	virtualNode = "east"
)

// spillwayVariable tells the process inside the machine where the one outside has
// built spillway: the link alone takes two seconds.
const spillwayVariable = "SPILLWAY_BINARY"

// stage is what the stories share.
type stage struct {
	upstream, downstream *playground.Cluster
	kubelet              *playground.Kubelet
	node                 *playground.VirtualNode
}

// shared is set by TestMain and only read afterwards.
var shared stage //nolint:gochecknoglobals // TestMain has no other way to hand the clusters to the tests.

// instead is what there is where containers cannot run.
const instead = "Those of the same names in e2e/stories ran on nodes that kwok plays, as far as it can: e2e/stories/simulated_test.go says how far."

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if leftout.Listing() {
		return m.Run()
	}
	if machine.Outside() {
		// Inside there is no network: what may have to be fetched is fetched here.
		if _, err := binaries.ComponentsOfRoles(context.Background(), binaries.Options{Out: os.Stderr}); err != nil {
			return leftout.Fail("build the playground", err)
		}
		spillway, err := binaries.Spillway(context.Background(), binaries.Options{Out: os.Stderr})
		if err := errors.Join(err, os.Setenv(spillwayVariable, spillway)); err != nil {
			return leftout.Fail("build spillway", err)
		}
		if os.Geteuid() == 0 {
			if _, err := binaries.Containers(context.Background(), binaries.Options{Out: os.Stderr}); err != nil {
				return leftout.Tell("e2e/containers", instead, err)
			}
			image, err := binaries.SpillwayImage(context.Background(), binaries.Options{Out: os.Stderr}, imageVersion)
			if err := errors.Join(err, os.Setenv(imageVariable, image.Archive)); err != nil {
				return leftout.Fail("build spillway's image", err)
			}
		}
	}
	code, err := machine.Run(func() int { return runOnStage(m) })
	switch {
	case errors.Is(err, machine.ErrUnavailable):
		return leftout.Tell("e2e/containers", instead, err)
	case err != nil:
		return leftout.Fail("run the stories on a machine of their own", err)
	default:
		return code
	}
}

func runOnStage(m *testing.M) int {
	stop, err := shared.set()
	if err == nil {
		code := m.Run()
		err = stop()
		if code != 0 {
			return code
		}
	}
	if err != nil {
		return leftout.Fail("set or clear the stage", err)
	}
	return 0
}

// set starts everything. Only what says something when it does not end well is
// stopped at the end, the rest ends with the machine.
func (s *stage) set() (stop func() error, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	paths, err := binaries.ComponentsOfRoles(ctx, binaries.Options{})
	if err != nil {
		return nil, err
	}
	kwok := []playground.Component{playground.Kwok}
	clusters, err := playground.StartAll(ctx,
		playground.Options{Name: "upstream", Dir: machine.Dir(), Binaries: paths.Upstream, Without: kwok, Aggregation: true, ExtraArgs: quickAutoscaler()},
		playground.Options{Name: "downstream", Dir: machine.Dir(), Binaries: paths.Downstream, Without: kwok},
	)
	if err != nil {
		return nil, err
	}
	s.upstream, s.downstream = clusters[0], clusters[1]

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		s.kubelet, err = s.startKubelet(ctx)
		return err
	})
	group.Go(func() (err error) {
		s.node, err = s.startSpillway(ctx)
		return err
	})
	group.Go(func() error {
		_, err := playground.StartMetricsServer(ctx, s.upstream, machine.Address)
		return err
	})
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		return errors.Join(s.node.Stop(ctx), s.kubelet.Stop(ctx))
	}, group.Wait()
}

func (s *stage) startKubelet(ctx context.Context) (*playground.Kubelet, error) {
	paths, err := binaries.Containers(ctx, binaries.Options{})
	if err != nil {
		return nil, err
	}
	cgroup, err := machine.MakeCgroup(realNode)
	if err != nil {
		return nil, err
	}
	return playground.StartKubelet(ctx, playground.KubeletOptions{
		Name: realNode, Cluster: s.downstream, Binaries: paths,
		Address: machine.Address, PodCIDR: "10.245.0.0/24", Cgroup: cgroup,
		Labels: map[string]string{"disktype": "ssd"},
		Images: []images.Image{
			images.App("app:1"), images.App("app:2"),
			images.App("agent:1"), images.App("agent:2"), images.App("agent:3"),
		},
	})
}

func (s *stage) startSpillway(ctx context.Context) (*playground.VirtualNode, error) {
	spillway := os.Getenv(spillwayVariable)
	webhook, err := playground.StartWebhook(ctx, playground.WebhookOptions{Binary: spillway, Upstream: s.upstream})
	if err != nil {
		return nil, err
	}
	if err := webhook.WaitPolicies(ctx); err != nil {
		return nil, err
	}
	return playground.StartVirtualNode(ctx, playground.VirtualNodeOptions{
		Binary: spillway, Name: virtualNode, Upstream: s.upstream, Downstream: s.downstream,
		Address: machine.Address,
		Labels:  map[string]string{"clusterID": virtualNode},
		ExtraArgs: []string{
			"--pod-api-access=none,upstream", "--pod-api-server=" + strings.TrimPrefix(s.upstream.APIServerURL(), "https://"),
		},
	})
}
