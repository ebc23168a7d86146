package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/e2e/playground"
	"github.com/spillway-io/spillway/e2e/rig"
)

// stage is what the measurements run on.
type stage struct {
	upstream, downstream *playground.Cluster
	webhook              *playground.Webhook
	node                 *playground.VirtualNode
}

// start starts the clusters and the virtual node, with these further arguments.
func start(ctx context.Context, r *rig.Rig, a arrangement, o options, arguments ...string) (*stage, error) {
	programs, err := rig.Build(ctx, o.spillway)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	clusters, err := playground.StartAll(ctx,
		playground.Options{Name: upstreamSide, Dir: r.Dir, Binaries: programs.Components},
		playground.Options{Name: downstreamSide, Dir: r.Dir, Binaries: programs.Components, Cores: a.downstream(), Nodes: []*corev1.Node{
			playground.FakeNode("large-1", playground.Capacity("1000", "1Ti", "20000")),
			playground.FakeNode("large-2", playground.Capacity("1000", "1Ti", "20000")),
		}})
	if err != nil {
		return nil, err
	}
	r.AtEnd(func(ctx context.Context) error { return playground.StopAll(ctx, clusters...) })
	s := &stage{upstream: clusters[0], downstream: clusters[1]}
	if s.webhook, err = playground.StartWebhook(ctx, playground.WebhookOptions{Binary: programs.Spillway, Upstream: s.upstream}); err != nil {
		return nil, err
	}
	r.AtEnd(s.webhook.Stop)
	if s.node, err = playground.StartVirtualNode(ctx, playground.VirtualNodeOptions{
		Binary: programs.Spillway, Name: virtualNode, Upstream: s.upstream, Downstream: s.downstream, PodWorkers: o.workers, ExtraArgs: arguments,
	}); err != nil {
		return nil, err
	}
	r.AtEnd(s.node.Stop)
	return s, nil
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
