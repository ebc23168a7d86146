package main

import (
	"fmt"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// kubeconfigFlag is the help of --kubeconfig of the commands that people run.
const kubeconfigFlag = "kubeconfig of the upstream cluster; empty: the one that kubectl uses, or the cluster this runs in"

// lookInto is how a command that looks once reaches a cluster: by a kubeconfig or, if
// the path is empty, as kubectl does.
func lookInto(kubeconfig string) (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{}).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("cannot load the cluster configuration: %w", err)
	}
	config.QPS = -1 // as everywhere, see clusters.open
	config.UserAgent = "spillway/" + buildVersion()
	return config, nil
}
