package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/cmd/spillway/internal/drain"
)

const drainHelp = `Bring the pods of a virtual node away, one at a time: back to own machines, or to the
next subset of their WorkloadSpread, or to another virtual node that their scheduling
fields admit. With --home only those leave that come to own machines.

The node is cordoned first, as by "kubectl cordon": no new pods go there, and
WorkloadSpreads pass its subset over. Then a pod is evicted, which heeds
PodDisruptionBudgets; when the pod that comes instead is ready, the next one follows.
Where a pod goes is found out by what the webhook runs, before it is evicted; one that
would have nowhere to go stays, and so does one that nobody replaces, that ends one day
(Jobs), that its author wants to stay (annotation spillway.io/on-node-loss), whose number
or volume ties it to the node. These are told, with what to do about them.

It stops when the pod that comes instead finds no node for --patience, or is not ready
within --timeout. Interrupted or stopped, the node stays cordoned, nothing else is
remembered, and to run it again goes on. "kubectl uncordon NODE" undoes the cordon; pods
do not come back by themselves.

It needs the rights to get, list, watch and patch nodes; to list and watch pods, deployments,
replicasets, statefulsets, jobs and workloadspreads; to get these and other controllers
of the pods, namespaces, persistentvolumeclaims and persistentvolumes; to create
pods/eviction.

The exit code is 0 when all pods left that could be expected to, 2 when some stay or it
stopped, 1 when it could not do its work or was interrupted.`

const drainExample = `  spillway drain east --dry-run
  spillway drain east --home
  spillway drain east --timeout=15m -o json`

// remainError says that pods stay on the node.
type remainError struct {
	node    string
	stay    int
	stopped bool
	dryRun  bool
}

func (e remainError) Error() string {
	switch {
	case e.stopped:
		return fmt.Sprintf("stopped with up to %d pods left on %s, which stays cordoned", e.stay, e.node)
	case e.dryRun:
		return fmt.Sprintf("%d pods would stay on %s", e.stay, e.node)
	default:
		return fmt.Sprintf("%d pods stay on %s, which stays cordoned", e.stay, e.node)
	}
}

// ExitCode is 2: something was refused.
func (e remainError) ExitCode() int { return 2 }

type drainFlags struct {
	cluster clusterFlags
	output  string
	options drain.Options
}

func newDrainCommand() *cobra.Command {
	var f drainFlags
	cmd := &cobra.Command{
		Use:     "drain NODE",
		Short:   "Bring the pods of a virtual node home, one at a time",
		Long:    drainHelp,
		Example: drainExample,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.options.Node = args[0]
			return f.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	f.cluster.register(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&f.options.HomeOnly, "home", false, "only the pods leave that come to own machines")
	flags.BoolVar(&f.options.DryRun, "dry-run", false, "tell what would become of each pod, and change nothing")
	flags.DurationVar(&f.options.Timeout, "timeout", 10*time.Minute, "how long one pod may take: until its eviction is allowed, and then until the pod that comes instead is ready")
	flags.DurationVar(&f.options.Patience, "patience", time.Minute, "how long a scheduler may find no node for the pod that comes instead")
	flags.StringVarP(&f.output, "output", "o", drainFormats()[0], "what to print, line by line: "+strings.Join(drainFormats(), ", "))
	return cmd
}

func drainFormats() []string { return []string{"text", "json"} }

func (f *drainFlags) run(ctx context.Context, to io.Writer) error {
	switch {
	case !slices.Contains(drainFormats(), f.output):
		return fmt.Errorf("--output %q is not one of %s", f.output, strings.Join(drainFormats(), ", "))
	case f.options.Timeout <= 0 || f.options.Patience <= 0:
		return fmt.Errorf("--timeout %s and --patience %s must be longer than 0", f.options.Timeout, f.options.Patience)
	}
	config, err := f.cluster.config()
	if err != nil {
		return err
	}
	// Watches that begin again are no news to who reads the progress.
	klog.SetLogger(logr.Discard())
	ctrllog.SetLogger(logr.Discard())
	f.options.Tell = func(e drain.Event) error { return f.print(to, e) }
	outcome, err := drain.Run(ctx, config, f.options)
	switch {
	case ctx.Err() != nil && !f.options.DryRun:
		return fmt.Errorf("interrupted after %d pods: run it again to go on; until then no new pods come to node %s, unless you undo that with kubectl uncordon %s", outcome.Moved, f.options.Node, f.options.Node)
	case err != nil:
		return err
	case outcome.Stay > 0 || outcome.Stopped:
		return remainError{node: f.options.Node, stay: outcome.Stay, stopped: outcome.Stopped, dryRun: f.options.DryRun}
	default:
		return nil
	}
}

func (f *drainFlags) print(to io.Writer, e drain.Event) error {
	if f.output == "json" {
		return json.NewEncoder(to).Encode(e)
	}
	_, err := fmt.Fprintln(to, e.Text())
	return err
}
