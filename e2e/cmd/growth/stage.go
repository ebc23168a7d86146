package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/playground"
)

const (
	startTimeout = 2 * time.Minute
	stopTimeout  = time.Minute
	virtualNode  = "spillway-growth"
)

// programs are what runs.
type programs struct {
	components binaries.Paths
	spillway   string
}

func build(ctx context.Context, spillway string) (programs, error) {
	paths, err := binaries.Components(ctx, binaries.Options{Out: os.Stderr})
	if err != nil {
		return programs{}, err
	}
	if spillway == "" {
		spillway, err = binaries.Spillway(ctx, binaries.Options{Out: os.Stderr})
	}
	return programs{components: paths, spillway: spillway}, err
}

// stage is what one size is measured on.
type stage struct {
	upstream, downstream *playground.Cluster
	webhook              *playground.Webhook
	node                 *playground.VirtualNode

	dir   string
	stops []func(context.Context) error
}

// on calls do with a stage that set has set, and stops it.
func on(ctx context.Context, set func(context.Context, *stage) error, do func(context.Context, *stage) (cost, error)) (c cost, err error) {
	s := &stage{}
	if s.dir, err = os.MkdirTemp("", "spillway-growth-"); err != nil {
		return c, fmt.Errorf("cannot make a folder for the clusters: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		err = errors.Join(err, s.stop(ctx), os.RemoveAll(s.dir))
	}()
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := set(starting, s); err != nil {
		return c, err
	}
	return do(ctx, s)
}

func (s *stage) stop(ctx context.Context) error {
	var errs []error
	for _, stop := range slices.Backward(s.stops) {
		errs = append(errs, stop(ctx))
	}
	return errors.Join(errs...)
}

// webhookStage is a cluster with a webhook and nobody who runs its pods.
func webhookStage(p programs, arguments ...string) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) (err error) {
		s.upstream, err = playground.Start(ctx, playground.Options{
			Name: "upstream", Dir: s.dir, Binaries: p.components, Without: []playground.Component{playground.Scheduler, playground.Kwok},
		})
		if err != nil {
			return err
		}
		s.stops = append(s.stops, s.upstream.Stop)
		if err := s.upstream.InstallCRDs(ctx, playground.CloneSetCRD); err != nil {
			return err
		}
		s.webhook, err = playground.StartWebhook(ctx, playground.WebhookOptions{Binary: p.spillway, Upstream: s.upstream, ExtraArgs: arguments})
		if err != nil {
			return err
		}
		s.stops = append(s.stops, s.webhook.Stop)
		return s.webhook.WaitPolicies(ctx)
	}
}

// nodeStage is two clusters and a virtual node between them.
func nodeStage(p programs) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		clusters, err := playground.StartAll(ctx,
			playground.Options{Name: "upstream", Dir: s.dir, Binaries: p.components, Without: []playground.Component{playground.Scheduler, playground.Kwok}},
			playground.Options{Name: "downstream", Dir: s.dir, Binaries: p.components, Nodes: machines()})
		if err != nil {
			return err
		}
		s.upstream, s.downstream = clusters[0], clusters[1]
		s.stops = append(s.stops, func(ctx context.Context) error { return playground.StopAll(ctx, clusters...) })
		s.node, err = playground.StartVirtualNode(ctx, playground.VirtualNodeOptions{Binary: p.spillway, Name: virtualNode, Upstream: s.upstream, Downstream: s.downstream})
		if err == nil {
			s.stops = append(s.stops, s.node.Stop)
		}
		return err
	}
}
