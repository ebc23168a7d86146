package webhook

import (
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/spillway-io/spillway/webhook/mutate"
)

// outcome is what became of a request, as metrics, logs and the audit log name
// it.
type outcome string

const (
	outcomeHandled outcome = "handled"
	outcomeSkipped outcome = "skipped"
	outcomeDenied  outcome = "denied"
	// outcomeFailed: Spillway itself could not do its part.
	outcomeFailed outcome = "failed"
)

// Why a pod was denied, and the steps that can fail, as metrics name them.
const (
	deniedStash = "stash"

	// stepRequest: the request cannot be judged.
	stepRequest = "request"
	// stepMutate: the pod was admitted as it is.
	stepMutate  = "mutate"
	stepSpread  = "spread"
	stepSidecar = "sidecar"
)

// What became of the sidecars of a pod.
const (
	sidecarsInjected = "injected"
	sidecarsFailed   = "failed"
)

// Metrics are the webhook's own metrics.
//
//	spillway_admissions_total{outcome,reason}  admissions, by what became of them
//	spillway_admission_duration_seconds        time from the decoded request to the answer
//	spillway_sidecars_total{sidecarset,outcome}  pods with the SidecarSet (injected), and without it although it is about them (failed)
//
// The reason is empty for handled pods, a mutate.Reason for skipped ones, "stash"
// for denied ones, and the failed step otherwise: at most 20 series in all.
type Metrics struct {
	admissions *prometheus.CounterVec
	duration   prometheus.Histogram
	sidecars   *prometheus.CounterVec
}

// NewMetrics registers the metrics. It fails when they are registered already.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		admissions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spillway_admissions_total",
			Help: "Pod admissions, by outcome (handled, skipped, denied, failed) and reason.",
		}, []string{"outcome", "reason"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "spillway_admission_duration_seconds",
			Help:    "Seconds from the decoded admission request to its answer.",
			Buckets: prometheus.ExponentialBucketsRange(0.0001, 5, 28),
		}),
	}
	m.sidecars = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "spillway_sidecars_total",
		Help: "Admissions of pods that a SidecarSet is about, by SidecarSet and outcome (injected, failed).",
	}, []string{"sidecarset", "outcome"})
	m.begin()
	for _, c := range []prometheus.Collector{m.admissions, m.duration, m.sidecars} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// begin has what somebody is to be told of be 0 until it happens, and not missing:
// an increase sees the first time then.
func (m *Metrics) begin() {
	m.admissions.WithLabelValues(string(outcomeHandled), "")
	m.admissions.WithLabelValues(string(outcomeDenied), deniedStash)
	for _, step := range []string{stepRequest, stepMutate, stepSpread, stepSidecar} {
		m.admissions.WithLabelValues(string(outcomeFailed), step)
	}
}

func (m *Metrics) observe(v verdict, took time.Duration) {
	m.admissions.WithLabelValues(string(v.outcome), v.reason).Inc()
	m.duration.Observe(took.Seconds())
}

func (m *Metrics) countSidecars(out mutate.Outcome) {
	for _, set := range out.Injected {
		m.sidecars.WithLabelValues(set.Name(), sidecarsInjected).Inc()
		m.sidecars.WithLabelValues(set.Name(), sidecarsFailed)
	}
	for _, failure := range out.SidecarsFailed {
		m.sidecars.WithLabelValues(failure.Set, sidecarsFailed).Inc()
	}
}

// log tells of every decision at verbosity 1, and always of those that somebody
// has to act on. It names the request; pods are never printed.
func (v verdict) log(log logr.Logger, req admission.Request) {
	if isAct := v.outcome == outcomeFailed || v.outcome == outcomeDenied; !isAct && !log.V(1).Enabled() {
		return
	}
	log = admission.DefaultLogConstructor(log, &req)
	switch v.outcome {
	case outcomeFailed:
		log.Error(v.err, "Admission failed", "reason", v.reason)
	case outcomeDenied:
		log.Info("Pod denied", "reason", v.reason, "error", v.err.Error())
	case outcomeHandled, outcomeSkipped:
		log.V(1).Info("Pod admitted", "outcome", v.outcome, "reason", v.reason, "patchOperations", len(v.response.Patches))
	}
}

// annotate leaves the decision in the API server's audit log.
func (v *verdict) annotate() {
	decision := string(v.outcome)
	if v.reason != "" {
		decision += ": " + v.reason
	}
	v.response.AuditAnnotations = map[string]string{"decision": decision}
}
