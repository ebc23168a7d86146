package main

import (
	"github.com/spf13/cobra"

	"github.com/spillway-io/spillway/cmd/spillway/internal/manifest"
	"github.com/spillway-io/spillway/cmd/spillway/internal/offline"
)

const recoverHelp = `Print what the virtual node creates downstream for the upstream pods in files,
without a cluster.

The input is YAML or JSON, any number of documents in any number of files; a
directory stands for its *.yaml, *.yml and *.json files, "-" for standard input.
Pods are recovered, whether they are bound already or not, as if they had just
been created. Other objects are left out.

The pods' routing requirements are judged by the labels of the virtual node.
Those of every virtual node (type=virtual-kubelet, kubernetes.io/role=agent and
others) are given; add yours with --node-labels. A pod without a UID, such as
"spillway inject" prints, gets one that is made up from its name.

Flags of the virtual node, such as --pod-api-access and --storage-class-map, have an
effect here as there. Its PriorityClasses are those of --inventory, or of the cluster
of --downstream-kubeconfig, if one is given; otherwise it has none.

Pods that the virtual node refuses to create go to stderr, with the reason that
it gives, as FILE: document N: pod NAMESPACE/NAME: refused: REASON: TEXT; pods
that are bound to another node, as "skipped".

The exit code is 0 when all pods were recovered or skipped, 2 when a pod was
refused, and 1 when the input cannot be read; nothing is printed then.`

const recoverExample = `  kubectl get pod web-0 -o yaml | spillway recover -f -
  spillway inject -f pod.yaml | spillway recover -f - --node-labels clusterID=b`

func newRecoverCommand() *cobra.Command {
	var (
		formats = []string{"yaml", "json"}
		input   inputFlags
		virtual virtualFlags
	)
	cmd := &cobra.Command{
		Use:     "recover -f FILE...",
		Short:   "Print what the virtual node creates downstream for the pods in files",
		Long:    recoverHelp,
		Example: recoverExample,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			objects, err := input.read(cmd.InOrStdin(), args, formats)
			if err != nil {
				return err
			}
			node, unread, err := virtual.complete(cmd, input.routingKeys)
			if err != nil {
				return err
			}
			for _, line := range unread {
				cmd.PrintErrln(line)
			}
			all, err := offline.Recover(objects, input.namespace, node)
			if err != nil {
				return err
			}
			return printRecovered(cmd, all, input.output)
		},
	}
	input.register(cmd, formats)
	virtual.register(cmd)
	cmd.Flags().StringVar(&virtual.node.UpstreamID, "upstream-id", "00000000-0000-0000-0000-000000000000", "UID of the upstream cluster's kube-system namespace")
	return cmd
}

func printRecovered(cmd *cobra.Command, all []offline.Recovered, format string) error {
	var downstream []map[string]any
	refused := 0
	for _, r := range all {
		for _, line := range r.Messages {
			cmd.PrintErrln(line)
		}
		if r.Downstream != nil {
			downstream = append(downstream, r.Downstream)
		}
		if r.Refused {
			refused++
		}
	}
	write := manifest.WriteYAML
	if format == "json" {
		write = manifest.WriteJSON
	}
	if err := write(cmd.OutOrStdout(), downstream); err != nil {
		return err
	}
	if refused > 0 {
		return refusedError{verb: "refused", count: refused, pods: refused + len(downstream)}
	}
	return nil
}
