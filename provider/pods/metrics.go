package pods

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
)

// Metrics count what was done to pods.
type Metrics struct {
	created prometheus.Counter
	deleted prometheus.Counter
	refused *prometheus.CounterVec
	started prometheus.Histogram
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
		started: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "spillway_node_pod_start_seconds",
			Help:    "Seconds from the creation of an upstream pod to the moment its status first said Running: scheduling, images and all.",
			Buckets: prometheus.ExponentialBucketsRange(0.5, 1800, 16),
		}),
	}
	// What has not happened is 0, and not missing: an increase sees the first time then.
	for _, reason := range []string{ReasonLost, ReasonRejected, ReasonConflict, ReasonCreateFailed} {
		m.refused.WithLabelValues(reason)
	}
	return m, errors.Join(registry.Register(m.created), registry.Register(m.deleted), registry.Register(m.refused), registry.Register(m.started))
}

// observe takes the time that a pod took to run, when a status says so that did not
// say it before.
func (m *Metrics) observe(before *corev1.Pod, after *corev1.PodStatus, now time.Time) {
	if after.Phase == corev1.PodRunning && (before.Status.Phase == corev1.PodPending || before.Status.Phase == "") {
		m.started.Observe(now.Sub(before.CreationTimestamp.Time).Seconds())
	}
}
