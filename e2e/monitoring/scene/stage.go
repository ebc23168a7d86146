package scene

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/faults"
	"github.com/spillway-io/spillway/e2e/monitoring/prometheus"
	"github.com/spillway-io/spillway/e2e/playground"
)

// VirtualNode is the name of the virtual node.
const VirtualNode = "east"

// backoff is how long a subset that could not schedule a pod is left alone.
const backoff = 10 * time.Second

// politely is how long all of it may take to end.
const politely = time.Minute

// Stage is a small installation.
type Stage struct {
	// Upstream and Downstream are the two clusters.
	Upstream, Downstream *playground.Cluster
	// Webhooks are the two replicas.
	Webhooks []*playground.Webhook
	// Node is the virtual node, and Below its way to the downstream cluster.
	Node  *playground.VirtualNode
	Below *faults.Proxy

	// stops end what was started, the last first.
	stops []func(context.Context) error
}

// Start builds what is missing, and starts everything, below dir. Stop must be called,
// also after an error.
func Start(ctx context.Context, dir string, out io.Writer) (*Stage, error) {
	s := &Stage{}
	paths, err := binaries.Components(ctx, binaries.Options{Out: out})
	if err != nil {
		return s, err
	}
	spillway, err := binaries.Spillway(ctx, binaries.Options{Out: out})
	if err != nil {
		return s, err
	}
	clusters, err := playground.StartAll(ctx,
		playground.Options{Name: "upstream", Dir: dir, Binaries: paths, Nodes: []*corev1.Node{
			playground.FakeNode("own-1", playground.Label("pool", "own")),
			playground.FakeNode("own-2", playground.Label("pool", "own")),
			playground.FakeNode("small-1", playground.Label("pool", "small"), playground.Capacity("32", "64Gi", "0"),
				playground.Taint("pool", "small", corev1.TaintEffectNoSchedule)),
		}},
		playground.Options{Name: "downstream", Dir: dir, Binaries: paths, Nodes: []*corev1.Node{
			playground.FakeNode("east-1"), playground.FakeNode("east-2"),
		}})
	if err != nil {
		return s, err
	}
	s.Upstream, s.Downstream = clusters[0], clusters[1]
	s.stops = append(s.stops, s.Downstream.Stop, s.Upstream.Stop)
	if err := s.startWebhooks(ctx, spillway); err != nil {
		return s, err
	}
	return s, s.startNode(ctx, dir, spillway)
}

// startWebhooks starts two, and waits until one of them leads.
func (s *Stage) startWebhooks(ctx context.Context, spillway string) error {
	balancer, err := playground.StartBalancer(ctx, s.Upstream)
	if err != nil {
		return err
	}
	s.stops = append(s.stops, balancer.Stop)
	for _, name := range []string{"webhook-first", "webhook-second"} {
		webhook, err := playground.StartWebhook(ctx, playground.WebhookOptions{
			Binary: spillway, Upstream: s.Upstream, Name: name, Balancer: balancer,
			ExtraArgs: []string{"--unschedulable-backoff=" + backoff.String()},
		})
		if err != nil {
			return err
		}
		s.Webhooks = append(s.Webhooks, webhook)
		s.stops = append(s.stops, webhook.Stop)
	}
	return s.Webhooks[0].WaitPolicies(ctx)
}

// startNode starts the virtual node, with a proxy between it and its downstream
// cluster. It asks often whether that answers: an outage of seconds is to be seen.
func (s *Stage) startNode(ctx context.Context, dir, spillway string) error {
	target, err := s.Downstream.DownstreamNodeConfig(VirtualNode)
	if err != nil {
		return err
	}
	s.Below, err = faults.Start(ctx, faults.Options{Name: "downstream", Dir: filepath.Join(dir, "proxies"), Target: target})
	if err != nil {
		return err
	}
	s.stops = append(s.stops, s.Below.Stop)
	s.Node, err = playground.StartVirtualNode(ctx, playground.VirtualNodeOptions{
		Binary: spillway, Name: VirtualNode, Upstream: s.Upstream, Downstream: s.Downstream,
		DownstreamKubeconfig: s.Below.Kubeconfig(), ExtraArgs: []string{"--probe-interval=1s"},
	})
	if err != nil {
		return err
	}
	s.stops = append(s.stops, s.Node.Stop)
	return nil
}

// Stop ends everything.
func (s *Stage) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), politely)
	defer cancel()
	var errs []error
	for _, stop := range slices.Backward(s.stops) {
		errs = append(errs, stop(ctx))
	}
	return errors.Join(errs...)
}

// Targets are what a Prometheus scrapes, with the jobs and labels that the chart's
// monitors give.
func (s *Stage) Targets() []prometheus.Target {
	var all []prometheus.Target
	for _, webhook := range s.Webhooks {
		all = append(all, prometheus.Target{Job: "spillway-webhook", URL: webhook.Metrics, Labels: map[string]string{
			"namespace": "spillway-system", "pod": "spillway-" + webhook.Name(),
		}})
	}
	return append(all, prometheus.Target{Job: "spillway-node", URL: s.Node.Metrics, Labels: map[string]string{
		"namespace": "spillway-system", "pod": fmt.Sprintf("spillway-node-%s", VirtualNode), "virtual_node": VirtualNode,
	}})
}
