package events

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics count the events that are shown upstream, and those that are not.
type Metrics struct {
	written *prometheus.CounterVec
	leftOut *prometheus.CounterVec
}

// How an event was shown; values of a metric's label.
const (
	verbCreate = "create"
	verbPatch  = "patch"
)

// Why an event about one of our pods is not shown; values of a metric's label.
const (
	// leftOutRoom: too many events were waiting.
	leftOutRoom = "no-room"
	// leftOutRate: the pod had its share.
	leftOutRate = "pod-rate"
	// leftOutRefused: the upstream API server does not take it, or did not answer
	// for long.
	leftOutRefused = "refused"
	// leftOutRoutine: the pod has started, and its status says as much.
	leftOutRoutine = "routine"
)

// NewMetrics registers the metrics.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		written: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spillway_node_events_written_total", Help: "Requests that showed a downstream event upstream, by verb: create or patch.",
		}, []string{"verb"}),
		leftOut: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spillway_node_events_left_out_total", Help: "Downstream events about our pods that were not shown upstream, by cause: no-room, pod-rate, refused, or routine: it says what the status of the pod does.",
		}, []string{"cause"}),
	}
	// What has not happened is 0, and not missing: a rate sees the first time then.
	for _, verb := range []string{verbCreate, verbPatch} {
		m.written.WithLabelValues(verb)
	}
	for _, cause := range []string{leftOutRoom, leftOutRate, leftOutRefused, leftOutRoutine} {
		m.leftOut.WithLabelValues(cause)
	}
	return m, errors.Join(registry.Register(m.written), registry.Register(m.leftOut))
}
