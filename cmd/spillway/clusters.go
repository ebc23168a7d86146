package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"

	"github.com/spillway-io/spillway/provider/credentials"
)

// clusters are those that a process has the credentials of.
type clusters struct {
	metrics *credentials.Metrics
	opened  []*credentials.Kubeconfig
}

func newClusters(registry prometheus.Registerer) (*clusters, error) {
	metrics, err := credentials.NewMetrics(registry)
	if err != nil {
		return nil, fmt.Errorf("cannot register the metrics: %w", err)
	}
	return &clusters{metrics: metrics}, nil
}

// open reads a kubeconfig; an empty path means the cluster that this process runs
// in. name is the cluster's in logs and metrics.
func (c *clusters) open(name, path string) (*rest.Config, error) {
	opened, err := credentials.Open(name, path, func(config *rest.Config) {
		// API servers protect themselves (API Priority and Fairness); a second brake
		// here would only slow down bursts.
		config.QPS = -1
		config.UserAgent = "spillway/" + buildVersion()
	}, c.metrics)
	if err != nil {
		return nil, err
	}
	c.opened = append(c.opened, opened)
	return opened.Config(), nil
}

// keepCurrent has kubeconfigs that change take effect while run runs.
func (c *clusters) keepCurrent(ctx context.Context, run func(context.Context) error) error {
	watching, stop := context.WithCancel(ctx)
	var watches sync.WaitGroup
	defer watches.Wait()
	defer stop()
	for _, kubeconfig := range c.opened {
		watches.Go(func() { kubeconfig.Run(watching) })
	}
	return run(ctx)
}
