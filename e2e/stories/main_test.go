package stories

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/playground"
	"github.com/spillway-io/spillway/e2e/testmain"
)

const (
	startTimeout = 2 * time.Minute
	storyTimeout = 3 * time.Minute

	// backoff is how long a subset that could not schedule a pod is left alone.
	backoff = 10 * time.Second
)

// stage is what the stories share.
type stage struct {
	binaries             binaries.Roles
	spillway             string
	dir                  string
	upstream, downstream *playground.Cluster
	// webhook is the one of upstream, if there is only one.
	webhook *playground.Webhook
}

// shared is set by TestMain and only read afterwards.
var shared stage //nolint:gochecknoglobals // TestMain has no other way to hand the clusters to the tests.

func TestMain(m *testing.M) { os.Exit(testmain.Run(m, "stories", shared.set)) }

// set builds and starts everything; stop must be called even after an error.
func (s *stage) set(dir string) (stop func() error, err error) {
	var stops []func() error
	stop = func() error {
		var errs []error
		for _, stop := range slices.Backward(stops) {
			errs = append(errs, stop())
		}
		return errors.Join(errs...)
	}
	s.dir = dir
	// Building takes minutes the first time; the deadlines start after it.
	if s.binaries, err = binaries.ComponentsOfRoles(context.Background(), binaries.Options{Out: os.Stderr}); err != nil {
		return stop, err
	}
	if s.spillway, err = binaries.Spillway(context.Background(), binaries.Options{Out: os.Stderr}); err != nil {
		return stop, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()

	answers, err := simulation(dir)
	if err != nil {
		return stop, err
	}
	clusters, err := playground.StartAll(ctx,
		playground.Options{Name: "upstream", Dir: dir, Binaries: s.binaries.Upstream, Nodes: []*corev1.Node{
			ownNode("own-1", playground.Zone("a")),
			ownNode("own-2", playground.Zone("b")),
			ownNode("own-3", playground.Zone("a"), playground.Taint("unscheduer", "true", corev1.TaintEffectNoSchedule)),
		}},
		playground.Options{Name: "downstream", Dir: dir, Binaries: s.binaries.Downstream, Nodes: downstreamNodes(), KubeletAPI: answers},
	)
	if err != nil {
		return stop, err
	}
	s.upstream, s.downstream = clusters[0], clusters[1]
	stops = append(stops, within(clusters[1].Stop), within(clusters[0].Stop))

	if err := s.upstream.InstallCRDs(ctx, playground.CloneSetCRD); err != nil {
		return stop, err
	}
	s.webhook, err = playground.StartWebhook(ctx, playground.WebhookOptions{
		Binary: s.spillway, Upstream: s.upstream, ExtraArgs: []string{"--unschedulable-backoff=" + backoff.String()},
	})
	if err != nil {
		return stop, err
	}
	stops = append(stops, within(s.webhook.Stop))
	if err := s.webhook.WaitPolicies(ctx); err != nil {
		return stop, err
	}
	if err := s.waitForDefaults(ctx); err != nil {
		return stop, err
	}
	east, err := s.virtualNode(ctx, "east", s.downstream, "node-role.kubernetes.io/local-virtual-kubelet")
	if err != nil {
		return stop, err
	}
	stops = append(stops, within(east.Stop))
	return stop, nil
}

// waitForDefaults waits until the API server asks the webhook about WorkloadSpreads
// too: without that, kubectl apply loses what a patch is to clear.
func (s *stage) waitForDefaults(ctx context.Context) error {
	return playground.Eventually(ctx, "WorkloadSpreads get their defaults", func(ctx context.Context) error {
		strategy, _, err := s.upstream.Kubectl(ctx, fmt.Sprintf(twoOwnFirst, "apps/v1", "Deployment"),
			"create", "--dry-run=server", "-f", "-", "-o=jsonpath={.spec.scheduleStrategy.type}")
		if err == nil && strategy != "Fixed" {
			err = errors.New("not yet")
		}
		return err
	})
}

// virtualNode starts a virtual node that pods can ask for by the routing key
// clusterID, and by the roles it is given.
func (s *stage) virtualNode(ctx context.Context, name string, downstream *playground.Cluster, roles ...string) (*playground.VirtualNode, error) {
	labels := map[string]string{"clusterID": name}
	for _, role := range roles {
		labels[role] = "true"
	}
	return playground.StartVirtualNode(ctx, playground.VirtualNodeOptions{
		Binary: s.spillway, Name: name, Upstream: s.upstream, Downstream: downstream,
		Labels: labels,
	})
}

// ownNode is one of the upstream cluster's own machines.
func ownNode(name string, options ...playground.NodeOption) *corev1.Node {
	return playground.FakeNode(name, append(options,
		playground.Label("pool", "own"),
		playground.Label("disktype", "ssd"),
		playground.Label("node-role.kubernetes.io/WorkerNode", "true"))...)
}

// downstreamNodes are ten nodes with labels, zones and taints that no virtual
// node has.
func downstreamNodes() []*corev1.Node {
	nodes := []*corev1.Node{
		playground.FakeNode("batch-c", playground.Zone("c"), playground.Taint("dedicated", "batch", corev1.TaintEffectNoSchedule)),
	}
	for _, zone := range []string{"a", "b", "c"} {
		nodes = append(nodes,
			playground.FakeNode("ssd-"+zone, playground.Zone(zone), playground.Label("disktype", "ssd")),
			playground.FakeNode("hdd-"+zone, playground.Zone(zone), playground.Label("disktype", "hdd")),
			playground.FakeNode("spare-"+zone, playground.Zone(zone), playground.Label("disktype", "hdd")))
	}
	return nodes
}

// within gives a stop function its time.
func within(stop func(context.Context) error) func() error {
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		return stop(ctx)
	}
}
