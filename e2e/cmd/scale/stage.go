package main

import (
	"context"
	"errors"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/playground"
)

const (
	virtualNode  = "spillway-scale"
	startTimeout = 5 * time.Minute
	stopTimeout  = time.Minute
)

// stage is what is measured.
type stage struct {
	upstream, downstream *playground.Cluster
	webhook              *playground.Webhook
	node                 *playground.VirtualNode
	requests             *requests
	fleet                *fleet
}

func start(ctx context.Context, dir string) (*stage, error) {
	s := &stage{}
	paths, err := binaries.Components(ctx, binaries.Options{Out: os.Stderr})
	if err != nil {
		return s, err
	}
	spillway, err := binaries.Spillway(ctx, binaries.Options{Out: os.Stderr})
	if err != nil {
		return s, err
	}
	above, err := newTrail(dir, upstreamSide)
	if err != nil {
		return s, err
	}
	below, err := newTrail(dir, downstreamSide)
	if err != nil {
		return s, err
	}
	s.requests = &requests{trails: []*trail{above, below}}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	clusters, err := playground.StartAll(ctx,
		playground.Options{Name: "upstream", Dir: dir, Binaries: paths, ExtraArgs: above.args()},
		playground.Options{Name: "downstream", Dir: dir, Binaries: paths, ExtraArgs: below.args(), Nodes: []*corev1.Node{
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
	if s.node, err = playground.StartVirtualNode(ctx, playground.VirtualNodeOptions{
		Binary: spillway, Name: virtualNode, Upstream: s.upstream, Downstream: s.downstream,
	}); err != nil {
		return s, err
	}
	s.fleet, err = newFleet(ctx, s.upstream)
	return s, err
}

func (s *stage) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	var errs []error
	if s.fleet != nil {
		s.fleet.stop()
	}
	if s.node != nil && s.node.Process != nil {
		errs = append(errs, s.node.Stop(ctx))
	}
	if s.webhook != nil && s.webhook.Process != nil {
		errs = append(errs, s.webhook.Stop(ctx))
	}
	return errors.Join(append(errs, playground.StopAll(ctx, s.upstream, s.downstream))...)
}
