// Package stage sets up what most of what is told about Spillway needs: an upstream
// cluster with machines of its own, a downstream cluster, the webhook, and one
// virtual node between them. Stories that break parts of it, or need other parts,
// have a stage of their own.
package stage

import (
	"context"
	"errors"
	"io"
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
	stopTimeout  = time.Minute
)

// Node is the name of the virtual node.
const Node = "east"

// Options say what is different from the usual stage.
type Options struct {
	// Dir receives everything that is written; it must exist.
	Dir string
	// Out is told what is being built. The default is to tell nobody.
	Out io.Writer
	// Own and Downstream are the nodes of the two clusters; the defaults are those of
	// OwnNodes and DownstreamNodes.
	Own, Downstream []*corev1.Node
	// WebhookArgs and NodeArgs are added to those of the two processes.
	WebhookArgs, NodeArgs []string
}

// Stage is what is there. It is not changed once it is set.
type Stage struct {
	// Dir is Options.Dir.
	Dir string
	// Spillway is the path of the program, in a folder that has it as kubectl's plugin
	// too.
	Spillway string
	// Binaries are where the components are, kubectl among them.
	Binaries             binaries.Paths
	Upstream, Downstream *playground.Cluster
	Webhook              *playground.Webhook
	VirtualNode          *playground.VirtualNode

	stops []func(context.Context) error
}

// Set builds and starts everything. Clear must be called, also after an error.
func Set(ctx context.Context, o Options) (*Stage, error) {
	s := &Stage{Dir: o.Dir}
	if o.Own == nil {
		o.Own = OwnNodes()
	}
	if o.Downstream == nil {
		o.Downstream = DownstreamNodes()
	}
	// Building takes minutes the first time; the deadline starts after it.
	var err error
	if s.Binaries, err = binaries.Components(ctx, binaries.Options{Out: o.Out}); err != nil {
		return s, err
	}
	if s.Spillway, err = binaries.Spillway(ctx, binaries.Options{Out: o.Out}); err != nil {
		return s, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return s, s.start(ctx, o)
}

func (s *Stage) start(ctx context.Context, o Options) error {
	clusters, err := playground.StartAll(ctx,
		playground.Options{Name: "upstream", Dir: o.Dir, Binaries: s.Binaries, Nodes: o.Own},
		playground.Options{Name: "downstream", Dir: o.Dir, Binaries: s.Binaries, Nodes: o.Downstream},
	)
	if err != nil {
		return err
	}
	s.Upstream, s.Downstream = clusters[0], clusters[1]
	s.stops = append(s.stops, s.Downstream.Stop, s.Upstream.Stop)
	if s.Webhook, err = playground.StartWebhook(ctx, playground.WebhookOptions{Binary: s.Spillway, Upstream: s.Upstream, ExtraArgs: o.WebhookArgs}); err != nil {
		return err
	}
	s.stops = append(s.stops, s.Webhook.Stop)
	if err := s.Webhook.WaitPolicies(ctx); err != nil {
		return err
	}
	s.VirtualNode, err = playground.StartVirtualNode(ctx, playground.VirtualNodeOptions{
		Binary: s.Spillway, Name: Node, Upstream: s.Upstream, Downstream: s.Downstream,
		Labels: map[string]string{"clusterID": Node}, ExtraArgs: o.NodeArgs,
	})
	if err != nil {
		return err
	}
	s.stops = append(s.stops, s.VirtualNode.Stop)
	return nil
}

// Clear stops what runs, the last first.
func (s *Stage) Clear(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	var errs []error
	for _, stop := range slices.Backward(s.stops) {
		errs = append(errs, stop(ctx))
	}
	return errors.Join(errs...)
}

// Run is for a TestMain: it sets a stage in a folder of its own, gives it to use, runs
// the tests, and clears it.
func Run(m *testing.M, o Options, use func(*Stage)) (code int) {
	return testmain.Run(m, "stage", func(dir string) (stop func() error, err error) {
		o.Dir, o.Out = dir, os.Stderr
		s, err := Set(context.Background(), o)
		if err == nil {
			use(s)
		}
		return func() error { return s.Clear(context.Background()) }, err
	})
}

// OwnNodes are two machines of the upstream cluster, in zones a and b, with the
// label pool=own.
func OwnNodes() []*corev1.Node {
	return []*corev1.Node{
		playground.FakeNode("own-1", playground.Zone("a"), playground.Label("pool", "own")),
		playground.FakeNode("own-2", playground.Zone("b"), playground.Label("pool", "own")),
	}
}

// DownstreamNodes are two machines of the downstream cluster, in zones a and b, one
// with the label disktype=ssd and one with disktype=hdd.
func DownstreamNodes() []*corev1.Node {
	return []*corev1.Node{
		playground.FakeNode("east-1", playground.Zone("a"), playground.Label("disktype", "ssd")),
		playground.FakeNode("east-2", playground.Zone("b"), playground.Label("disktype", "hdd")),
	}
}
