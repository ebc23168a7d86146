package references

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/spillway-io/spillway/provider/translate"
)

// metrics tell of copies.
type metrics struct {
	withheld *prometheus.GaugeVec
	deleted  prometheus.Counter
	tokens   prometheus.Counter
}

// newMetrics registers the metrics. conflicts and copies count when they are read.
func newMetrics(registry prometheus.Registerer, conflicts func() int, copies func(translate.Kind) int) (*metrics, error) {
	m := &metrics{
		withheld: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "spillway_node_copies_unused",
			Help: "Copies that no pod uses and that the last sweep did not delete: because of the mode preview, or because of the guard against mass deletion.",
		}, []string{"because"}),
		deleted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "spillway_node_copies_deleted_total", Help: "Copies that were deleted because no pod used them.",
		}),
		tokens: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "spillway_node_pod_tokens_total", Help: "Times that tokens were requested for a pod.",
		}),
	}
	m.nothingWithheld()
	all := []prometheus.Collector{m.withheld, m.deleted, m.tokens}
	for _, kind := range kinds() {
		all = append(all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "spillway_node_copies", Help: "Copies of upstream objects in the downstream cluster, tokens of pods included.",
			ConstLabels: prometheus.Labels{"kind": string(kind)},
		}, func() float64 { return float64(copies(kind)) }))
	}
	all = append(all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "spillway_node_copies_in_conflict", Help: "Copies that pods need and that cannot be made because a foreign downstream object has the name.",
	}, func() float64 { return float64(conflicts()) }))
	var errs []error
	for _, collector := range all {
		errs = append(errs, registry.Register(collector))
	}
	return m, errors.Join(errs...)
}

// Why unused copies are withheld; values of a metric's label.
const (
	becauseGuard   = "guard"
	becausePreview = "preview"
)

// nothingWithheld says 0, which is not the same as nothing.
func (m *metrics) nothingWithheld() {
	m.withheld.WithLabelValues(becauseGuard).Set(0)
	m.withheld.WithLabelValues(becausePreview).Set(0)
}
