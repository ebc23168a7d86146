package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/cmd/spillway/internal/downstream"
	"github.com/spillway-io/spillway/cmd/spillway/internal/explain"
	"github.com/spillway-io/spillway/webhook/stash"
)

const explainHelp = `Say why a pod is where it is, or why it is nowhere, and what to do about it. Of a
workload: where its pods are, what is wrong with them, and what becomes of the next.

What is said comes from the functions that the webhook and the virtual node run, and
from what the clusters say now. The first lines are how things stand, what is wrong
and what to do; behind them, in this order: opt-in, WorkloadSpread, stash,
SidecarSets, where the pod runs, the last events of both clusters.

It reads, upstream: the object and its owners, its namespace and kube-system, nodes,
events, persistentvolumeclaims, workloadspreads and sidecarsets; pods and replicasets
of the namespace; controllerrevisions in --spillway-namespace if a SidecarSet pins
one. For the kubeconfig of the downstream cluster, unless it is given: deployments,
and the Secret that the virtual node mounts. Downstream: pods, events,
persistentvolumeclaims, storageclasses. What may not be read, or does not answer, is
said to be not known, and all the rest is explained. Nothing is changed.

The exit code is 0 when there was something to explain, and 1 when not: there is no
such object and no trace of it, or the upstream cluster does not answer.`

type explainFlags struct {
	cluster clusterFlags
	output  string
	timeout time.Duration
	options explain.Options
}

func newExplainCommand() *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:   "explain TYPE NAME",
		Short: "Say why a pod is where it is, and what to do about it",
		Long:  explainHelp,
		Example: `  spillway explain pod web-7d4b9c-x2x9p
  spillway explain -n shop deployment/web
  spillway explain sts db --downstream-kubeconfig east=east.yaml -o json`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), cmd.OutOrStdout(), args) },
	}
	f.cluster.register(cmd)
	f.cluster.registerNamespace(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&f.output, "output", "o", explain.Formats()[0], "what to print: "+strings.Join(explain.Formats(), ", "))
	flags.DurationVar(&f.timeout, "timeout", 20*time.Second, "how long all of it may take")
	flags.StringArrayVar(&f.options.Kubeconfigs, downstream.Flag, nil, downstream.FlagHelp)
	flags.StringVar(&f.options.OwnNamespace, "spillway-namespace", "spillway-system", "namespace Spillway runs in; its pods are never handled")
	flags.StringSliceVar(&f.options.RoutingKeys, "routing-keys", stash.DefaultRoutingKeys(), "node labels whose requirements stay upstream, as the webhook was told")
	return cmd
}

func (f *explainFlags) run(ctx context.Context, to io.Writer, args []string) error {
	var err error
	switch {
	case !slices.Contains(explain.Formats(), f.output):
		return fmt.Errorf("--output %q is not one of %s", f.output, strings.Join(explain.Formats(), ", "))
	case !slices.Contains(f.options.RoutingKeys, api.NodeTypeLabel):
		return fmt.Errorf("--routing-keys: %q must be among them, since placement requires it", api.NodeTypeLabel)
	}
	if f.options.Kind, f.options.Name, err = explain.Parse(args); err != nil {
		return err
	}
	if f.options.Upstream, err = f.cluster.config(); err != nil {
		return err
	}
	if f.options.Namespace, err = f.cluster.namespace(); err != nil {
		return err
	}
	f.options.Open = lookInto
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	facts, err := explain.Gather(ctx, f.options)
	if err != nil {
		return err
	}
	explanation := explain.Judge(facts)
	if !explanation.Found {
		return errors.New(explanation.Summary)
	}
	return explanation.Write(to, f.output)
}
