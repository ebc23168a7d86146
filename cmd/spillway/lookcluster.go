package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// kubeconfigFlag is the help of --kubeconfig of the commands that people run.
const kubeconfigFlag = "kubeconfig of the upstream cluster; empty: the one that kubectl uses, or the cluster this runs in"

// clusterFlags say which upstream cluster a command looks at, and as whom, in the
// flags of kubectl.
type clusterFlags struct {
	kubeconfig string
	overrides  clientcmd.ConfigOverrides
}

// register adds --kubeconfig, --context, --as and --as-group.
func (f *clusterFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", kubeconfigFlag)
	flags.StringVar(&f.overrides.CurrentContext, "context", "", "context of the kubeconfig; empty: its current one")
	flags.StringVar(&f.overrides.AuthInfo.Impersonate, "as", "", "user to act as")
	flags.StringArrayVar(&f.overrides.AuthInfo.ImpersonateGroups, "as-group", nil, "group to act as a member of; may be repeated")
}

// registerNamespace adds --namespace.
func (f *clusterFlags) registerNamespace(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.overrides.Context.Namespace, "namespace", "n", "", "namespace of what is named; empty: that of the kubeconfig's context, or default")
}

// config is how the cluster is reached.
func (f *clusterFlags) config() (*rest.Config, error) {
	config, err := f.loader().ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("cannot load the cluster configuration: %w", err)
	}
	return lookedWith(config), nil
}

// namespace is the one that was given, or that the kubeconfig says.
func (f *clusterFlags) namespace() (string, error) {
	namespace, _, err := f.loader().Namespace()
	if err != nil {
		return "", fmt.Errorf("cannot tell the namespace: %w", err)
	}
	return namespace, nil
}

func (f *clusterFlags) loader() clientcmd.ClientConfig {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = f.kubeconfig
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &f.overrides)
}

// lookInto is how a command that looks once reaches a cluster: by a kubeconfig or, if
// the path is empty, as kubectl does.
func lookInto(kubeconfig string) (*rest.Config, error) {
	return (&clusterFlags{kubeconfig: kubeconfig}).config()
}

func lookedWith(config *rest.Config) *rest.Config {
	config.QPS = -1 // as everywhere, see clusters.open
	config.UserAgent = "spillway/" + buildVersion()
	return config
}
