package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/spillway-io/spillway/cmd/spillway/internal/downstream"
	"github.com/spillway-io/spillway/cmd/spillway/internal/inventory"
	"github.com/spillway-io/spillway/cmd/spillway/internal/offline"
	"github.com/spillway-io/spillway/provider/portability"
	"github.com/spillway-io/spillway/webhook/stash"
)

const inventoryHelp = `Print what a downstream cluster has that pods depend on, for "spillway inject --inventory".

Of the cluster there are the version of its API server; the names of PriorityClasses,
StorageClasses, RuntimeClasses and CSI drivers; of namespaces their
ServiceAccounts, by name, and the Pod Security level that they enforce; of nodes their
labels, taints, allocatable resources, and whether they are cordoned. Nothing else is
kept, no annotation and no content of any object. Secrets and ConfigMaps are not asked for.

The cluster is that of --downstream-kubeconfig, or of the virtual node --node, whose own
kubeconfig is read from the Secret that its Deployment mounts; without either, of the
only virtual node that there is.

It takes these rights in the downstream cluster: to list priorityclasses, storageclasses,
runtimeclasses, csidrivers, namespaces, serviceaccounts in all namespaces,
and nodes. What may not be read is named under "unread", and not judged by. With --node,
or without a kubeconfig, upstream: to list nodes, deployments in all namespaces, and to
get the Secret.

The exit code is 0, or 1 when the cluster does not answer.`

const inventoryExample = `  spillway inventory --downstream-kubeconfig east.kubeconfig > east.yaml
  spillway inventory --node east > east.yaml`

// inventoryTimeout is how long a cluster may take to tell what it has.
const inventoryTimeout = time.Minute

type inventoryFlags struct {
	cluster     clusterFlags
	kubeconfigs []string
	node        string
	output      string
}

func newInventoryCommand() *cobra.Command {
	var f inventoryFlags
	cmd := &cobra.Command{
		Use:     "inventory",
		Short:   "Print what a downstream cluster has that pods depend on",
		Long:    inventoryHelp,
		Example: inventoryExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains(inventory.Formats(), f.output) {
				return fmt.Errorf("--output %q is not one of %s", f.output, strings.Join(inventory.Formats(), ", "))
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), inventoryTimeout)
			defer cancel()
			config, err := f.config(ctx)
			if err != nil {
				return err
			}
			inv, err := gather(ctx, config)
			if err != nil {
				return err
			}
			return inventory.Write(cmd.OutOrStdout(), f.output, inv)
		},
	}
	f.cluster.register(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&f.kubeconfigs, downstream.Flag, nil, downstream.FlagHelp)
	flags.StringVar(&f.node, "node", "", "virtual node whose downstream cluster is asked")
	flags.StringVarP(&f.output, "output", "o", inventory.Formats()[0], "what to print: "+strings.Join(inventory.Formats(), ", "))
	return cmd
}

// config is how the downstream cluster is reached. No upstream cluster is needed by who
// gives a kubeconfig and names no node.
func (f *inventoryFlags) config(ctx context.Context) (*rest.Config, error) {
	if f.node == "" && len(f.kubeconfigs) == 1 && !strings.Contains(f.kubeconfigs[0], "=") {
		return lookInto(f.kubeconfigs[0])
	}
	upstream, err := f.cluster.config()
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(upstream)
	if err != nil {
		return nil, fmt.Errorf("cannot make a client of the upstream cluster: %w", err)
	}
	finder := downstream.Finder{Upstream: client, Kubeconfigs: f.kubeconfigs, Open: lookInto}
	node, err := f.only(ctx, finder)
	if err != nil {
		return nil, err
	}
	config, _, err := finder.Config(ctx, node)
	return config, err
}

// only is the virtual node that was named, or the only one.
func (f *inventoryFlags) only(ctx context.Context, finder downstream.Finder) (string, error) {
	if f.node != "" {
		return f.node, nil
	}
	nodes, err := finder.Nodes(ctx)
	if err != nil {
		return "", err
	}
	if len(nodes) == 1 {
		return nodes[0].Name, nil
	}
	var names []string
	for i := range nodes {
		names = append(names, nodes[i].Name)
	}
	return "", fmt.Errorf("there are %d virtual nodes (%s): say which with --node, or give --%s", len(names), strings.Join(names, ", "), downstream.Flag)
}

func gather(ctx context.Context, config *rest.Config) (portability.Inventory, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return portability.Inventory{}, fmt.Errorf("cannot make a client of the downstream cluster: %w", err)
	}
	return inventory.Gather(ctx, inventory.Options{Downstream: client, Now: time.Now()})
}

// virtualFlags describe a virtual node, and what its downstream cluster has.
type virtualFlags struct {
	node       offline.VirtualNode
	apiAccess  []string
	inventory  string
	kubeconfig string
}

func (f *virtualFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.node.Name, "node-name", "", `name of the virtual node; empty: the node each pod is bound to, or "`+offline.DefaultNode+`"`)
	flags.StringToStringVar(&f.node.Labels, "node-labels", nil, "labels of the virtual node, beside those of every virtual node")
	flags.StringVar(&f.inventory, "inventory", "", `file of "spillway inventory": what the downstream cluster has`)
	flags.StringVar(&f.kubeconfig, downstream.Flag, "", "kubeconfig of the downstream cluster, to ask it what it has")
	translationRules(flags, &f.node.Rules, &f.apiAccess)
}

// complete returns the virtual node, and lines about what is not known of its
// downstream cluster although it was asked for.
func (f *virtualFlags) complete(cmd *cobra.Command, keys stash.RoutingKeys) (node offline.VirtualNode, unread []string, err error) {
	node = f.node
	node.RoutingKeys = keys
	node.Rules.Access.Modes = accessModes(f.apiAccess)
	switch {
	case f.inventory != "" && f.kubeconfig != "":
		return node, nil, errors.New("give either --inventory or --" + downstream.Flag)
	case f.inventory != "":
		var unknown []string
		if node.Inventory, unknown, err = inventory.Read(f.inventory, cmd.InOrStdin()); err != nil {
			return node, nil, fmt.Errorf("--inventory: %w", err)
		}
		for _, problem := range unknown {
			unread = append(unread, fmt.Sprintf("%s: warning: %s", f.inventory, problem))
		}
	case f.kubeconfig != "":
		ctx, cancel := context.WithTimeout(cmd.Context(), inventoryTimeout)
		defer cancel()
		config, err := lookInto(f.kubeconfig)
		if err != nil {
			return node, nil, fmt.Errorf("--%s: %w", downstream.Flag, err)
		}
		if node.Inventory, err = gather(ctx, config); err != nil {
			return node, nil, err
		}
	}
	for _, u := range node.Inventory.Unread {
		unread = append(unread, fmt.Sprintf("downstream cluster: not judged by %s: %s", u.Resource, u.Reason))
	}
	return node, unread, nil
}
