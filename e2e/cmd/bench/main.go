// Command bench measures the virtual node: pods created upstream until they are
// Running there, beside a bare client that creates the same pods downstream. It
// prints one table; the ratio of the two is the figure that another machine, or
// a busy one, changes least.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/playground"
)

const (
	virtualNode  = "spillway-bench"
	startTimeout = 2 * time.Minute
	stopTimeout  = time.Minute
)

func main() {
	pods := flag.Int("pods", 1000, "how many pods are created, twice")
	timeout := flag.Duration("timeout", 5*time.Minute, "how long all of them may take")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, *pods, *timeout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:gocritic // stop only restores signal handling, which ends here anyway.
	}
}

func run(ctx context.Context, out io.Writer, pods int, timeout time.Duration) (err error) {
	dir, err := os.MkdirTemp("", "spillway-bench-")
	if err != nil {
		return fmt.Errorf("cannot make a folder for the clusters: %w", err)
	}
	s, err := start(ctx, dir)
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		err = errors.Join(err, s.stop(ctx), os.RemoveAll(dir))
	}()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	bare, err := measure(ctx, load{cluster: s.downstream, namespace: "bare", pods: pods})
	if err != nil {
		return fmt.Errorf("bare client: %w", err)
	}
	through, err := measure(ctx, load{
		cluster: s.upstream, namespace: "through", pods: pods,
		labels:    map[string]string{"virtual-pod": "true"},
		processes: map[string]*playground.Process{"node": s.node.Process, "webhook": s.webhook.Process},
	})
	if err != nil {
		return fmt.Errorf("virtual node: %w", err)
	}
	return report(out, pods, bare, through)
}

// stage is what the measurements run on.
type stage struct {
	upstream, downstream *playground.Cluster
	webhook              *playground.Webhook
	node                 *playground.VirtualNode
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
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	clusters, err := playground.StartAll(ctx,
		playground.Options{Name: "upstream", Dir: dir, Binaries: paths},
		playground.Options{Name: "downstream", Dir: dir, Binaries: paths, Nodes: []*corev1.Node{
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
		Binary: spillway, Name: virtualNode, Upstream: s.upstream, Downstream: s.downstream,
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

func report(out io.Writer, pods int, bare, through result) error {
	// What cannot be written shows when the table is flushed.
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(table, "%d pods\tRunning after\tpods/s\tp50\tp99\tgone after\tnode CPU\tnode RSS\twebhook CPU\t\n", pods)
	for _, row := range []struct {
		name string
		result
	}{{"bare client downstream", bare}, {"through the virtual node", through}} {
		_, _ = fmt.Fprintf(table, "%s\t%.1f s\t%.0f\t%.2f s\t%.2f s\t%.1f s\t%s\t%s\t%s\t\n", row.name,
			row.allRunning.Seconds(), row.rate(), row.percentile(50).Seconds(), row.percentile(99).Seconds(), row.allGone.Seconds(),
			row.cpu("node", pods), row.memory("node"), row.cpu("webhook", pods))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "RATIO provider-throughput %.2f (pods/s through the virtual node, of the bare client's)\n", through.rate()/bare.rate())
	return err
}
