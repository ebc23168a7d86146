package webhook

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// tracerName is what the spans of this package say made them.
const tracerName = "github.com/spillway-io/spillway/webhook"

// withCallersTrace has the admission be part of the trace that the API server's call
// is part of, if it is one that traces (its --tracing-config-file).
func withCallersTrace(ctx context.Context, r *http.Request) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
}

// span begins a part of an admission. Without a Tracer it costs nothing.
func (h *Handler) span(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	if h.Tracer == nil {
		return ctx, trace.SpanFromContext(ctx)
	}
	return h.Tracer.Start(ctx, name, options...)
}

// traceParent is how the pod says which trace it is part of; empty if that is not
// recorded.
func (h *Handler) traceParent(ctx context.Context) string {
	if h.Tracer == nil || !trace.SpanContextFromContext(ctx).IsSampled() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier.Get("traceparent")
}

// tell ends the span of an admission with what was decided.
func (v verdict) tell(span trace.Span, req admission.Request) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(
		attribute.String("k8s.namespace.name", req.Namespace),
		attribute.String("k8s.pod.name", req.Name),
		attribute.String("spillway.admission.request", string(req.UID)),
		attribute.Bool("spillway.admission.dry_run", isDryRun(req)),
		attribute.String("spillway.outcome", string(v.outcome)),
		attribute.String("spillway.reason", v.reason),
		attribute.Int("spillway.patch.operations", len(v.response.Patches)),
	)
	if v.err != nil {
		span.SetStatus(codes.Error, v.err.Error())
	}
	span.End()
}
