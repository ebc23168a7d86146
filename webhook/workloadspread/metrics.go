package workloadspread

import (
	"errors"
	"slices"

	"github.com/openkruise/kruise-api/apps/v1alpha1"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
)

// Who found no node for a pod that moves.
const (
	schedulerUpstream   = "upstream"
	schedulerDownstream = "downstream"
)

// Metrics are the controller's own metrics.
//
//	spillway_workloadspread_subset_replicas{namespace,workloadspread,subset}  active pods
//	spillway_workloadspread_rescheduled_total{scheduler}                      pods moved to another subset
//	spillway_workloadspread_returned_total{outcome}                           pods to return to an earlier subset
//
// The scheduler is the one that found no node, "upstream" or "downstream". The
// outcome of a return is "evicted", "refused" if the pod could not be evicted, as
// by a disruption budget, and later also "missed" if its replacement found no
// earlier subset.
type Metrics struct {
	replicas    *prometheus.GaugeVec
	rescheduled *prometheus.CounterVec
	returns     *prometheus.CounterVec
}

// NewMetrics registers the metrics. It fails when they are registered already.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		replicas: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "spillway_workloadspread_subset_replicas",
			Help: "Active pods of a WorkloadSpread's subset, as last reported in its status.",
		}, []string{"namespace", "workloadspread", "subset"}),
		rescheduled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spillway_workloadspread_rescheduled_total",
			Help: "Pods deleted so that they move to another subset, by the scheduler that found no node for them.",
		}, []string{"scheduler"}),
		returns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spillway_workloadspread_returned_total",
			Help: "Pods that were to return to an earlier subset, by what became of it.",
		}, []string{"outcome"}),
	}
	// What has not happened is 0, and not missing: a rate sees the first time then.
	for _, scheduler := range []string{schedulerUpstream, schedulerDownstream} {
		m.rescheduled.WithLabelValues(scheduler)
	}
	for _, outcome := range []string{outcomeReturned, outcomeReturnRefused, outcomeReturnMissed} {
		m.returns.WithLabelValues(outcome)
	}
	return m, errors.Join(registry.Register(m.replicas), registry.Register(m.rescheduled), registry.Register(m.returns))
}

// report sets the gauges of the subsets there are, and removes those of the
// subsets there were. It returns the names of the former.
func (m *Metrics) report(key types.NamespacedName, before []string, statuses []v1alpha1.WorkloadSpreadSubsetStatus) []string {
	names := make([]string, len(statuses))
	for i := range statuses {
		names[i] = statuses[i].Name
		m.replicas.WithLabelValues(key.Namespace, key.Name, names[i]).Set(float64(statuses[i].Replicas))
	}
	for _, name := range before {
		if !slices.Contains(names, name) {
			m.replicas.DeleteLabelValues(key.Namespace, key.Name, name)
		}
	}
	return names
}

func (m *Metrics) forget(key types.NamespacedName) {
	m.replicas.DeletePartialMatch(prometheus.Labels{"namespace": key.Namespace, "workloadspread": key.Name})
}

func (m *Metrics) moved(downstream bool) {
	scheduler := schedulerUpstream
	if downstream {
		scheduler = schedulerDownstream
	}
	m.rescheduled.WithLabelValues(scheduler).Inc()
}

func (m *Metrics) returned(outcome string) { m.returns.WithLabelValues(outcome).Inc() }
