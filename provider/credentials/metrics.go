package credentials

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics tell of changes of kubeconfigs, and of what API servers answer.
type Metrics struct {
	refused  *prometheus.GaugeVec
	changes  *prometheus.CounterVec
	requests *prometheus.CounterVec
}

// NewMetrics registers the metrics, once for all kubeconfigs of a process.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		refused: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "spillway_kubeconfig_refused",
			Help: "1 while the content of the cluster's kubeconfig cannot be used, and what it said before is; else 0.",
		}, []string{"cluster"}),
		changes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spillway_kubeconfig_changes_total", Help: "Times that a changed kubeconfig was taken over.",
		}, []string{"cluster"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spillway_api_requests_total",
			Help: "Requests to the API server of a cluster, by the HTTP status of the answer, or error if there was none. A watch counts when it begins.",
		}, []string{"cluster", "code"}),
	}
	return m, errors.Join(registry.Register(m.refused), registry.Register(m.changes), registry.Register(m.requests))
}
