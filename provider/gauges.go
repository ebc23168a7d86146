package provider

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/spillway-io/spillway/provider/node"
)

// addGauges has metrics tell what the Node says, and what keeps it from being true,
// so that somebody can be woken without a metric of somebody else's:
//
//	spillway_node_ready       1 while the leader has the Node say Ready
//	spillway_node_claim_held  1 while this process may write downstream
func (v *virtualNode) addGauges(runner *node.Runner) error {
	for _, gauge := range []prometheus.GaugeFunc{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "spillway_node_ready",
			Help: "1 while this process keeps the Node and has it say Ready; 0 while it says NotReady, and in processes that wait to be elected.",
		}, func() float64 { return oneIf(runner.Ready()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "spillway_node_claim_held",
			Help: "1 while this process holds the claim on the downstream cluster, and so may write there; else 0.",
		}, func() float64 { return oneIf(v.gate.Held()) }),
	} {
		if err := v.opts.Metrics.Register(gauge); err != nil {
			return fmt.Errorf("cannot register the virtual node's metrics: %w", err)
		}
	}
	return nil
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
