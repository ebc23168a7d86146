package pods

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics count what was done to pods.
type Metrics struct {
	created prometheus.Counter
	deleted prometheus.Counter
	refused *prometheus.CounterVec
}

// NewMetrics registers the metrics.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		created: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "spillway_node_downstream_pods_created_total", Help: "Pods created in the downstream cluster.",
		}),
		deleted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "spillway_node_downstream_pods_deleted_total", Help: "Deletions of downstream pods that were accepted, repeated ones included, orphans not.",
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spillway_node_pods_refused_total", Help: "Upstream pods that were not run, or not run on, by the reason in their status or event.",
		}, []string{"reason"}),
	}
	return m, errors.Join(registry.Register(m.created), registry.Register(m.deleted), registry.Register(m.refused))
}
