package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/playground"
)

// patience is how long everything together may take to stop.
const patience = 30 * time.Second

// demo is what has been built and started so far.
type demo struct {
	out io.Writer
	dir string

	paths    binaries.Paths
	spillway string

	upstream, downstream *playground.Cluster
	webhook              *playground.Webhook
	node                 *playground.VirtualNode
}

func (d *demo) say(format string, args ...any) {
	_, _ = fmt.Fprintf(d.out, format, args...)
}

func (d *demo) build(ctx context.Context) error {
	options := binaries.Options{Out: d.out}
	var err error
	if d.paths, err = binaries.Components(ctx, options); err != nil {
		return err
	}
	d.spillway, err = binaries.Spillway(ctx, options)
	return err
}

func (d *demo) startClusters(ctx context.Context) error {
	clusters, err := playground.StartAll(ctx,
		playground.Options{Name: "upstream", Dir: d.dir, Binaries: d.paths, Nodes: upstreamNodes()},
		playground.Options{Name: "downstream", Dir: d.dir, Binaries: d.paths, Nodes: downstreamNodes()})
	if err != nil {
		return err
	}
	d.upstream, d.downstream = clusters[0], clusters[1]
	return nil
}

func (d *demo) startWebhook(ctx context.Context) (err error) {
	d.webhook, err = playground.StartWebhook(ctx, playground.WebhookOptions{Binary: d.spillway, Upstream: d.upstream})
	if err != nil {
		return err
	}
	return d.webhook.WaitPolicies(ctx)
}

func (d *demo) startVirtualNode(ctx context.Context) (err error) {
	d.node, err = playground.StartVirtualNode(ctx, playground.VirtualNodeOptions{
		Binary: d.spillway, Name: virtualNode, Upstream: d.upstream, Downstream: d.downstream,
	})
	return err
}

func (d *demo) applyWorkloads(ctx context.Context) error {
	workloads, err := readStory()
	if err != nil {
		return err
	}
	for _, w := range workloads {
		for _, p := range w.policies {
			if err := d.applyPolicy(ctx, p); err != nil {
				return err
			}
		}
		d.say("   kubectl apply -f %s  # %s\n", w.file, w.asks)
		if err := d.kubectl(ctx, w.manifest, "apply", "-f", "-"); err != nil {
			return err
		}
	}
	return nil
}

// applyPolicy waits until the policy is known, as pods that are created before it
// is are none of its business.
func (d *demo) applyPolicy(ctx context.Context, p policy) error {
	d.say("   kubectl apply -f %s\n", p.file)
	if err := d.kubectl(ctx, p.manifest, "apply", "-f", "-"); err != nil {
		return err
	}
	_, _, err := d.upstream.Kubectl(ctx, p.manifest, "wait", "-f", "-", "--for=jsonpath={.status.observedGeneration}=1", "--timeout=30s")
	return err
}

func (d *demo) kubectl(ctx context.Context, stdin string, args ...string) error {
	stdout, stderr, err := d.upstream.Kubectl(ctx, stdin, args...)
	if err != nil {
		return err
	}
	for line := range strings.Lines(stdout + stderr) {
		d.say("      %s", line)
	}
	return nil
}

// stop ends everything that was started, in the opposite order.
func (d *demo) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var errs []error
	if d.node != nil && d.node.Process != nil {
		errs = append(errs, d.node.Stop(ctx))
	}
	if d.webhook != nil && d.webhook.Process != nil {
		errs = append(errs, d.webhook.Stop(ctx))
	}
	return errors.Join(append(errs, playground.StopAll(ctx, d.upstream, d.downstream))...)
}

// invite says how to look around.
func (d *demo) invite() {
	kubectl := func(c *playground.Cluster) string {
		return fmt.Sprintf("%s --cache-dir=%s/kubectl-cache --kubeconfig=%s", d.paths.Kubectl, c.Dir(), c.AdminKubeconfig())
	}
	d.say(`
Both clusters stay until Ctrl-C. To look around, in another terminal:

  alias up='%s'
  alias down='%s'

  up   get pods -A -o wide                      # on %[3]s, but for two of the shop
  down get pods -A -o wide                      # and really here
  down get nodes -L topology.kubernetes.io/zone,disktype,dedicated
  up   get pods -l app=web -o jsonpath='{.items[0].metadata.annotations.clusterSelector}'
  up   scale deployment quorum --replicas=5     # five machines take them; a sixth member would stay Pending
  up   scale deployment shop --replicas=9       # four more on %[3]s, and the two stay at home
  up   get workloadspreads                      # how many where; describe it: why
  up   get sidecarsets                          # who got a log agent: the shop's pods on %[3]s
  up   describe node %[3]s

The logs are in %[4]s: upstream/logs, upstream/webhook, upstream/%[3]s, downstream/logs.
`, kubectl(d.upstream), kubectl(d.downstream), virtualNode, d.dir)
}
