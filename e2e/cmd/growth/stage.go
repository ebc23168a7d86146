package main

import (
	"context"
	"errors"
	"time"

	"github.com/spillway-io/spillway/e2e/playground"
	"github.com/spillway-io/spillway/e2e/rig"
)

const (
	startTimeout = 2 * time.Minute
	virtualNode  = "spillway-growth"
)

// stage is what one size is measured on.
type stage struct {
	*rig.Rig

	upstream, downstream *playground.Cluster
	webhook              *playground.Webhook
	node                 *playground.VirtualNode
}

// on calls do with a stage that set has set, and stops it.
func on(ctx context.Context, set func(context.Context, *stage) error, do func(context.Context, *stage) (cost, error)) (c cost, err error) {
	r, err := rig.New("growth")
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, r.Clear(ctx)) }()
	s := &stage{Rig: r}
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := set(starting, s); err != nil {
		return c, err
	}
	return do(ctx, s)
}

// webhookStage is a cluster with a webhook and nobody who runs its pods.
func webhookStage(p rig.Programs, arguments ...string) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) (err error) {
		s.upstream, err = playground.Start(ctx, playground.Options{
			Name: "upstream", Dir: s.Dir, Binaries: p.Components, Without: []playground.Component{playground.Scheduler, playground.Kwok},
		})
		if err != nil {
			return err
		}
		s.AtEnd(s.upstream.Stop)
		if err := s.upstream.InstallCRDs(ctx, playground.CloneSetCRD); err != nil {
			return err
		}
		s.webhook, err = playground.StartWebhook(ctx, playground.WebhookOptions{Binary: p.Spillway, Upstream: s.upstream, ExtraArgs: arguments})
		if err != nil {
			return err
		}
		s.AtEnd(s.webhook.Stop)
		return s.webhook.WaitPolicies(ctx)
	}
}

// nodeStage is two clusters and a virtual node between them.
func nodeStage(p rig.Programs) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		clusters, err := playground.StartAll(ctx,
			playground.Options{Name: "upstream", Dir: s.Dir, Binaries: p.Components, Without: []playground.Component{playground.Scheduler, playground.Kwok}},
			playground.Options{Name: "downstream", Dir: s.Dir, Binaries: p.Components, Nodes: machines()})
		if err != nil {
			return err
		}
		s.upstream, s.downstream = clusters[0], clusters[1]
		s.AtEnd(func(ctx context.Context) error { return playground.StopAll(ctx, clusters...) })
		s.node, err = playground.StartVirtualNode(ctx, playground.VirtualNodeOptions{Binary: p.Spillway, Name: virtualNode, Upstream: s.upstream, Downstream: s.downstream})
		if err == nil {
			s.AtEnd(s.node.Stop)
		}
		return err
	}
}
