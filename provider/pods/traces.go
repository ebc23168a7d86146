package pods

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/api"
)

// Tracer records what becomes of pods whose admission was recorded. The zero value
// records nothing.
//
// Nothing is remembered from one reconciliation to the next: when a pod is first
// reported to run, the spans until then follow from the times that the two pods bear.
// So a restart or another leader loses none. Those times are whole seconds of the
// clusters' clocks; only the requests that create downstream pods are measured here.
type Tracer struct {
	// Spans makes them; nil: nobody wants any.
	Spans trace.Tracer
}

// traces says whether anything of the pod is recorded, and returns a context of which
// spans become parts of its trace.
func (t Tracer) traces(ctx context.Context, upstream *corev1.Pod) (context.Context, bool) {
	if t.Spans == nil || upstream == nil {
		return ctx, false
	}
	carrier := propagation.MapCarrier{"traceparent": upstream.Annotations[api.TraceParentAnnotation]}
	ctx = propagation.TraceContext{}.Extract(ctx, carrier)
	return ctx, trace.SpanContextFromContext(ctx).IsSampled()
}

// create records one request to create the downstream pod. What it returns is called
// with the request's error.
func (t Tracer) create(ctx context.Context, upstream *corev1.Pod) (context.Context, func(error)) {
	ctx, traced := t.traces(ctx, upstream)
	if !traced {
		return ctx, func(error) {}
	}
	ctx, span := t.Spans.Start(ctx, "create downstream pod", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributesOf(upstream)...))
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}

// report records the way of a pod of which the status says for the first time that it
// runs, or ran.
func (t Tracer) report(ctx context.Context, w World, status *corev1.PodStatus) {
	if w.Downstream == nil || !begins(w.Upstream, status) {
		return
	}
	ctx, traced := t.traces(ctx, w.Upstream)
	if !traced {
		return
	}
	way := wayOf(w)
	record := func(ctx context.Context, s stretch, options ...trace.SpanStartOption) context.Context {
		ctx, span := t.Spans.Start(ctx, s.name, append(options, trace.WithTimestamp(s.from))...)
		span.End(trace.WithTimestamp(s.to))
		return ctx
	}
	if way.upstream.real() {
		record(ctx, way.upstream)
	}
	if !way.whole.real() {
		return
	}
	ctx = record(ctx, way.whole, trace.WithAttributes(append(attributesOf(w.Upstream),
		attribute.String("k8s.node.name", w.Upstream.Spec.NodeName),
		attribute.String("spillway.downstream.node", w.Downstream.Spec.NodeName),
		attribute.String("spillway.downstream.pod.uid", string(w.Downstream.UID)))...))
	for _, part := range way.parts {
		if part.real() {
			record(ctx, part)
		}
	}
}

func attributesOf(pod *corev1.Pod) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("k8s.namespace.name", pod.Namespace),
		attribute.String("k8s.pod.name", pod.Name),
		attribute.String("k8s.pod.uid", string(pod.UID)),
	}
}

// begins says whether the status is the first that says that containers run, or ran.
func begins(upstream *corev1.Pod, status *corev1.PodStatus) bool {
	waits := func(phase corev1.PodPhase) bool { return phase == "" || phase == corev1.PodPending }
	return upstream != nil && waits(upstream.Status.Phase) && !waits(status.Phase)
}

// stretch is a part of a pod's way.
type stretch struct {
	name     string
	from, to time.Time
}

// real leaves out what did not happen or is not known. Clocks of different machines
// may also put an end before its beginning.
func (s stretch) real() bool { return !s.from.IsZero() && !s.to.Before(s.from) }

// way is where the time went from the pod's creation to its report.
type way struct {
	upstream, whole stretch
	parts           []stretch
}

func wayOf(w World) way {
	bound := scheduled(w.Upstream)
	below := w.Downstream.CreationTimestamp.Time
	placed := scheduled(w.Downstream)
	started := lastStart(w.Downstream)
	return way{
		upstream: stretch{"schedule upstream", w.Upstream.CreationTimestamp.Time, bound},
		whole:    stretch{"run downstream", bound, w.Now.Time},
		parts: []stretch{
			{"prepare and create", bound, below},
			{"schedule downstream", below, placed},
			{"start containers", placed, started},
			{"report", started, w.Now.Time},
		},
	}
}

// scheduled is when the pod got its node; zero if that is not known.
func scheduled(pod *corev1.Pod) time.Time {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionTrue {
			return condition.LastTransitionTime.Time
		}
	}
	return time.Time{}
}

// lastStart is when the last of the pod's containers was started; zero if none was.
func lastStart(pod *corev1.Pod) (last time.Time) {
	for _, container := range pod.Status.ContainerStatuses {
		for _, state := range []corev1.ContainerState{container.State, container.LastTerminationState} {
			var at time.Time
			switch {
			case state.Running != nil:
				at = state.Running.StartedAt.Time
			case state.Terminated != nil:
				at = state.Terminated.StartedAt.Time
			}
			if at.After(last) {
				last = at
			}
		}
	}
	return last
}
