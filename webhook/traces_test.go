package webhook_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	admissionv1 "k8s.io/api/admission/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// TestTraces: the admission is a span, a part of the API server's trace if there is
// one, and the pod says which. Whoever has said it already is not overwritten.
func TestTraces(t *testing.T) {
	const optedIn = `{"metadata":{"labels":{"virtual-pod":"true"}},"spec":{"containers":[{"name":"a"}]}}`
	const earlier = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	cases := map[string]struct {
		reason string
		off    bool
		pod    string
		spans  []string
		marked bool
	}{
		"recorded":  {reason: "the pod carries on with the trace", pod: optedIn, spans: []string{"admit pod"}, marked: true},
		"off":       {reason: "nobody asked for traces", off: true, pod: optedIn},
		"skipped":   {reason: "a pod that is not ours is not touched", pod: `{"metadata":{},"spec":{}}`, spans: []string{"admit pod"}},
		"known":     {reason: "admission is called again", pod: strings.Replace(optedIn, `"labels"`, `"annotations":{"spillway.io/traceparent":"`+earlier+`"},"labels"`, 1), spans: []string{"admit pod"}},
		"malformed": {reason: "a denied pod is told of, too", pod: strings.Replace(optedIn, `"labels"`, `"annotations":{"clusterSelector":"{"},"labels"`, 1), spans: []string{"admit pod"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			recorder := tracetest.NewSpanRecorder()
			handler, _ := newHandler(t, namespaceLabels{})
			if !c.off {
				handler.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)).Tracer("test")
			}
			var answer admissionv1.AdmissionReview
			body := post(&admission.Webhook{Handler: handler}, review(t, c.pod, nil)).Body.Bytes()
			if err := json.Unmarshal(body, &answer); err != nil {
				t.Fatal(err)
			}
			var spans []string
			for _, span := range recorder.Ended() {
				spans = append(spans, span.Name())
			}
			if diff := cmp.Diff(c.spans, spans); diff != "" {
				t.Errorf("%s: spans: -want +got:\n%s", c.reason, diff)
			}
			patch := string(answer.Response.Patch)
			if marked := strings.Contains(patch, "traceparent"); marked != c.marked {
				t.Errorf("%s: the patch is %s", c.reason, patch)
			}
			if c.marked && !strings.Contains(patch, recorder.Ended()[0].SpanContext().TraceID().String()) {
				t.Errorf("%s: the pod is not part of the trace: %s", c.reason, patch)
			}
		})
	}
}
