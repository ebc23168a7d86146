package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/spillway-io/spillway/cmd/spillway/internal/remains"
)

const remainsHelp = `Print what of Spillway stays in the upstream cluster when it is removed, what becomes
of the pods on its virtual nodes, and the command that removes each of it. Nothing
is deleted. The chart runs it before "helm uninstall" removes anything.

It reads, upstream: namespace kube-system, nodes, pods, persistentvolumes,
workloadspreads, sidecarsets and their definitions, webhook configurations, and
the Leases of --namespace; Secrets only those that --secret names. With
--downstream-kubeconfig it counts what it owns in the downstream clusters. What it
may not read, or cannot within --timeout, it says. The exit code is 0 all the same;
1 is for mistakes on the command line.`

type remainsFlags struct {
	timeout time.Duration
	options remains.Options
}

func newRemainsCommand() *cobra.Command {
	var f remainsFlags
	cmd := &cobra.Command{
		Use:   "remains",
		Short: "Print what stays when Spillway is removed",
		Long:  remainsHelp,
		Example: `  spillway remains
  spillway remains -n spillway-system --secret east-kubeconfig --downstream-kubeconfig east.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.print(cmd.Context(), cmd.OutOrStdout()) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.options.Upstream, "kubeconfig", "", kubeconfigFlag)
	flags.StringArrayVar(&f.options.Downstream, "downstream-kubeconfig", nil, "kubeconfig of a downstream cluster to ask too; may be repeated")
	flags.StringVarP(&f.options.Namespace, "namespace", "n", "spillway-system", "namespace Spillway runs in")
	flags.StringSliceVar(&f.options.Secrets, "secret", nil, "names of Secrets in --namespace to look for")
	flags.DurationVar(&f.timeout, "timeout", 30*time.Second, "how long all of it may take")
	return cmd
}

func (f *remainsFlags) print(ctx context.Context, to io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	f.options.Open = lookInto
	if _, err := io.WriteString(to, remains.Gather(ctx, f.options).Text()); err != nil {
		return fmt.Errorf("cannot print what remains: %w", err)
	}
	return nil
}
