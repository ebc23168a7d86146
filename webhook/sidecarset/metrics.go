package sidecarset

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/spillway-io/spillway/webhook/sidecar"
)

// Metrics are the controller's own metrics.
//
//	spillway_sidecarset_pods{sidecarset,state}      pods of a set
//	spillway_sidecarset_updates_total{sidecarset}   pods that were given new images
//
// The state is "matched", "updated", "ready", "updated_ready" as in the set's
// status, or "needs_recreation": the pod cannot follow the set in place.
type Metrics struct {
	pods    *prometheus.GaugeVec
	updates *prometheus.CounterVec
}

// NewMetrics registers the metrics. It fails when they are registered already.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		pods: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "spillway_sidecarset_pods",
			Help: "Opted-in pods of a SidecarSet, by how they stand to it.",
		}, []string{"sidecarset", "state"}),
		updates: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spillway_sidecarset_updates_total",
			Help: "Pods that were given a SidecarSet's new images.",
		}, []string{"sidecarset"}),
	}
	return m, errors.Join(registry.Register(m.pods), registry.Register(m.updates))
}

func (m *Metrics) report(set string, r sidecar.Report) {
	for state, count := range map[string]int{
		"matched":          int(r.Status.MatchedPods),
		"updated":          int(r.Status.UpdatedPods),
		"ready":            int(r.Status.ReadyPods),
		"updated_ready":    int(r.Status.UpdatedReadyPods),
		"needs_recreation": len(r.NeedRecreation),
	} {
		m.pods.WithLabelValues(set, state).Set(float64(count))
	}
}

func (m *Metrics) updated(set string) { m.updates.WithLabelValues(set).Inc() }

// uncounted drops what was said of a set's pods, forget all that was said of it.
func (m *Metrics) uncounted(set string) {
	m.pods.DeletePartialMatch(prometheus.Labels{"sidecarset": set})
}

func (m *Metrics) forget(set string) {
	m.uncounted(set)
	m.updates.DeleteLabelValues(set)
}
