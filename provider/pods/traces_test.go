package pods

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
)

const admission = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// travelled are a pod that was bound 2 s after it was created, and its downstream pod,
// which took 1 s to be created, 3 s to be bound and 4 s to start.
func travelled(parent string) World {
	at := func(second int) metav1.Time {
		return metav1.NewTime(time.Date(2026, 1, 1, 0, 0, second, 0, time.UTC))
	}
	bound := func(pod *corev1.Pod, created, second int) {
		pod.CreationTimestamp = at(created)
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: at(second)}}
	}
	w := World{Upstream: upstream(), Downstream: upstream(), Now: at(11)}
	w.Upstream.Annotations = map[string]string{api.TraceParentAnnotation: parent}
	w.Upstream.Status.Phase = corev1.PodPending
	bound(w.Upstream, 0, 2)
	bound(w.Downstream, 3, 6)
	w.Downstream.Status.ContainerStatuses = []corev1.ContainerStatus{
		{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at(9)}}},
		{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at(10)}}},
	}
	return w
}

func TestTracerReports(t *testing.T) {
	running := &corev1.PodStatus{Phase: corev1.PodRunning}
	whole := map[string]time.Duration{
		"schedule upstream": 2 * time.Second, "run downstream": 9 * time.Second,
		"prepare and create": time.Second, "schedule downstream": 3 * time.Second, "start containers": 4 * time.Second, "report": time.Second,
	}
	cases := map[string]struct {
		reason string
		parent string
		change func(*World)
		status *corev1.PodStatus
		want   map[string]time.Duration
	}{
		"running":       {reason: "the whole way, in the trace of the admission", parent: admission, status: running, want: whole},
		"already-ended": {reason: "a pod may end before it is seen to run", parent: admission, status: &corev1.PodStatus{Phase: corev1.PodSucceeded}, want: whole},
		"still-pending": {reason: "nothing is known yet", parent: admission, status: &corev1.PodStatus{Phase: corev1.PodPending}},
		"ran-before":    {reason: "a pod begins once", parent: admission, status: running, change: func(w *World) { w.Upstream.Status.Phase = corev1.PodRunning }},
		"not-traced":    {reason: "the admission was not recorded", status: running},
		"not-sampled":   {reason: "its trace is not recorded", parent: admission[:len(admission)-1] + "0", status: running},
		"not-a-trace":   {reason: "users may write what they like", parent: "yes", status: running},
		"lost":          {reason: "there is no downstream pod to tell of", parent: admission, status: &corev1.PodStatus{Phase: corev1.PodFailed}, change: func(w *World) { w.Downstream = nil }},
		"clocks-differ": {
			reason: "what would end before it begins is left out", parent: admission, status: running,
			change: func(w *World) {
				w.Downstream.CreationTimestamp = metav1.NewTime(w.Downstream.CreationTimestamp.Add(-10 * time.Second))
			},
			want: map[string]time.Duration{
				"schedule upstream": 2 * time.Second, "run downstream": 9 * time.Second,
				"schedule downstream": 13 * time.Second, "start containers": 4 * time.Second, "report": time.Second,
			},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			recorder := tracetest.NewSpanRecorder()
			tracer := Tracer{Spans: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)).Tracer("test")}
			w := travelled(c.parent)
			if c.change != nil {
				c.change(&w)
			}
			tracer.report(t.Context(), w, c.status)
			var got map[string]time.Duration
			for _, span := range recorder.Ended() {
				if got == nil {
					got = map[string]time.Duration{}
				}
				got[span.Name()] = span.EndTime().Sub(span.StartTime())
				if id := span.SpanContext().TraceID().String(); id != admission[3:35] {
					t.Errorf("%s: span %q is in trace %s", c.reason, span.Name(), id)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", c.reason, diff)
			}
		})
	}
}

// TestTracerOff: without a place for spans, which is the default, there is no trace
// and no harm.
func TestTracerOff(t *testing.T) {
	w := travelled(admission)
	ctx, created := Tracer{}.create(t.Context(), w.Upstream)
	if ctx != t.Context() {
		t.Error("the context was changed for nobody")
	}
	created(nil)
	Tracer{}.report(ctx, w, &corev1.PodStatus{Phase: corev1.PodRunning})
}
