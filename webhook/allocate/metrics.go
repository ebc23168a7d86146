package allocate

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/spillway-io/spillway/webhook/spread"
)

// How pods of a batch were answered: once a write was done, or without need of it.
const (
	written   = "written"
	unwritten = "unwritten"
)

// Metrics tell what became of pods that WorkloadSpreads target.
//
//	spillway_spread_decisions_total{namespace,workloadspread,subset,reason}  pods, by spread.Reason
//	spillway_spread_spills_total{namespace,workloadspread,cause}  pods not in the first subset, by spread.Cause
//	spillway_spread_batch_pods{outcome}     pods answered together; written: after a write, unwritten: without
//	spillway_spread_conflicts_total         writes that somebody else's came before, and were tried again
//	spillway_spread_stale_reads_total       batches for which caches were found to be behind
//	spillway_spread_unrecorded_total        batches whose slots could not be recorded
type Metrics struct {
	decisions  *prometheus.CounterVec
	spills     *prometheus.CounterVec
	batches    *prometheus.HistogramVec
	conflicts  prometheus.Counter
	staleReads prometheus.Counter
	unrecorded prometheus.Counter
}

// NewMetrics registers the metrics. It fails when they are registered already.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spillway_spread_decisions_total",
			Help: "Pods that a WorkloadSpread targets, by the subset chosen and why.",
		}, []string{"namespace", "workloadspread", "subset", "reason"}),
		spills: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spillway_spread_spills_total",
			Help: "Pods that did not get the first subset of their WorkloadSpread, by why it was passed over (full, unschedulable, cordoned, unrecorded).",
		}, []string{"namespace", "workloadspread", "cause"}),
		batches: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "spillway_spread_batch_pods",
			Help:    "Pods of one WorkloadSpread that were answered together, by whether a write came before.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 10),
		}, []string{"outcome"}),
		conflicts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "spillway_spread_conflicts_total",
			Help: "Writes of reservations that were tried again because somebody else wrote first.",
		}),
		staleReads: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "spillway_spread_stale_reads_total",
			Help: "Batches that were read from the API server because caches were behind.",
		}),
		unrecorded: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "spillway_spread_unrecorded_total",
			Help: "Batches decided without reservations because they could not be recorded.",
		}),
	}
	for _, c := range []prometheus.Collector{m.decisions, m.spills, m.batches, m.conflicts, m.staleReads, m.unrecorded} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Metrics) decided(namespace string, d spread.Decision) {
	name, subset := "", ""
	if d.Spread != nil {
		name = d.Spread.Name
	}
	if d.Subset != nil {
		subset = d.Subset.Name
	}
	m.decisions.WithLabelValues(namespace, name, subset, string(d.Reason)).Inc()
	if d.Cause != "" {
		m.spills.WithLabelValues(namespace, name, string(d.Cause)).Inc()
	}
}

// meet has what may happen to a WorkloadSpread's pods be 0 until it does, and not
// missing: an increase sees the first time then.
func (m *Metrics) meet(namespace, name string) {
	for _, cause := range spread.Causes() {
		m.spills.WithLabelValues(namespace, name, string(cause))
	}
}

// forget drops the series of a WorkloadSpread that is gone.
func (m *Metrics) forget(namespace, name string) {
	for _, vec := range []*prometheus.CounterVec{m.decisions, m.spills} {
		vec.DeletePartialMatch(prometheus.Labels{"namespace": namespace, "workloadspread": name})
	}
}
