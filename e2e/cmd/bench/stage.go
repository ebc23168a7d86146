package main

import (
	"context"
	"errors"
	"os"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/playground"
)

// stage is what the measurements run on.
type stage struct {
	upstream, downstream *playground.Cluster
	webhook              *playground.Webhook
	node                 *playground.VirtualNode
}

// start starts the clusters and the virtual node, with these further arguments.
func start(ctx context.Context, dir string, a arrangement, o options, arguments ...string) (*stage, error) {
	s := &stage{}
	paths, err := binaries.Components(ctx, binaries.Options{Out: os.Stderr})
	if err != nil {
		return s, err
	}
	spillway := o.spillway
	if spillway == "" {
		if spillway, err = binaries.Spillway(ctx, binaries.Options{Out: os.Stderr}); err != nil {
			return s, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	clusters, err := playground.StartAll(ctx,
		playground.Options{Name: upstreamSide, Dir: dir, Binaries: paths},
		playground.Options{Name: downstreamSide, Dir: dir, Binaries: paths, Cores: a.downstream(), Nodes: []*corev1.Node{
			playground.FakeNode("large-1", playground.Capacity("1000", "1Ti", "20000")),
			playground.FakeNode("large-2", playground.Capacity("1000", "1Ti", "20000")),
		}})
	if err != nil {
		return s, err
	}
	s.upstream, s.downstream = clusters[0], clusters[1]
	if s.webhook, err = playground.StartWebhook(ctx, playground.WebhookOptions{Binary: spillway, Upstream: s.upstream}); err != nil {
		return s, err
	}
	s.node, err = playground.StartVirtualNode(ctx, playground.VirtualNodeOptions{
		Binary: spillway, Name: virtualNode, Upstream: s.upstream, Downstream: s.downstream, PodWorkers: o.workers, ExtraArgs: arguments,
	})
	return s, err
}

func (s *stage) stop(ctx context.Context) error {
	var errs []error
	if s.node != nil && s.node.Process != nil {
		errs = append(errs, s.node.Stop(ctx))
	}
	if s.webhook != nil && s.webhook.Process != nil {
		errs = append(errs, s.webhook.Stop(ctx))
	}
	if s.upstream != nil {
		errs = append(errs, playground.StopAll(ctx, s.upstream, s.downstream))
	}
	return errors.Join(errs...)
}

// processes are all that take part, by the names that the report has for them.
func (s *stage) processes() map[string]*playground.Process {
	all := map[string]*playground.Process{nodeProcess: s.node.Process, "webhook": s.webhook.Process}
	for side, c := range map[string]*playground.Cluster{upstreamSide: s.upstream, downstreamSide: s.downstream} {
		all[side+" etcd"], all[side+" API server"] = c.Etcd, c.APIServer
		all[side+" scheduler"], all[side+" controllers"] = c.Scheduler, c.ControllerManager
		if c.Kwok != nil {
			all[side+" kwok"] = c.Kwok
		}
	}
	return all
}
