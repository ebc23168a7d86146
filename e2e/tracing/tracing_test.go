// Package tracing follows a pod by its trace, from the request that creates it to the
// report that it runs, as a collector of OpenTelemetry's receives it.
package tracing

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/e2e/playground"
	"github.com/spillway-io/spillway/e2e/stage"
)

const timeout = time.Minute

// received and on are set by TestMain and only read afterwards.
var (
	received = &spans{}   //nolint:gochecknoglobals // TestMain has no other way to hand the collector to the test.
	on       *stage.Stage //nolint:gochecknoglobals // Nor the stage.
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, "cannot listen for spans:", err)
		return 1
	}
	server := grpc.NewServer()
	collector.RegisterTraceServiceServer(server, received)
	var serving sync.WaitGroup
	serving.Go(func() { received.ended = server.Serve(listener) })
	defer serving.Wait()
	defer server.Stop()
	args := []string{"--tracing-endpoint=http://" + listener.Addr().String()}
	return stage.Run(m, stage.Options{WebhookArgs: args, NodeArgs: args}, func(s *stage.Stage) { on = s })
}

// spans are what the processes sent, by trace.
type spans struct {
	collector.UnimplementedTraceServiceServer

	mu      sync.Mutex
	byTrace map[string][]told
	ended   error
}

// told is a span, and who made it.
type told struct {
	service string
	*otlp.Span
}

// Export takes spans.
func (s *spans) Export(_ context.Context, request *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byTrace == nil {
		s.byTrace = map[string][]told{}
	}
	for _, process := range request.ResourceSpans {
		service := ""
		for _, attribute := range process.Resource.Attributes {
			if attribute.Key == "service.name" {
				service = attribute.Value.GetStringValue()
			}
		}
		for _, scope := range process.ScopeSpans {
			for _, span := range scope.Spans {
				trace := hex.EncodeToString(span.TraceId)
				s.byTrace[trace] = append(s.byTrace[trace], told{service, span})
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// names returns the spans of a trace as "service: name of the parent > name", sorted,
// each once: the first create in a namespace is tried again when there is one
// downstream.
func (s *spans) names(trace string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	byID := map[string]string{}
	for _, span := range s.byTrace[trace] {
		byID[string(span.SpanId)] = span.Name
	}
	var names []string
	for _, span := range s.byTrace[trace] {
		names = append(names, fmt.Sprintf("%s: %s > %s", span.service, byID[string(span.ParentSpanId)], span.Name))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// TestPodIsTracedUntilItRuns: one trace has the admission, and all that the virtual
// node did, until the pod was reported to run.
func TestPodIsTracedUntilItRuns(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("cannot %s: %v", what, err)
		}
	}
	must("create the namespace", on.Upstream.CreateNamespace(ctx, "traced", nil))
	must("create the pod", on.Upstream.Apply(ctx, `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: traced, labels: {virtual-pod: "true"}}
spec: {containers: [{name: web, image: app}]}
`))
	pod, err := on.Upstream.Client().CoreV1().Pods("traced").Get(ctx, "web", metav1.GetOptions{})
	must("read the pod", err)
	parent := pod.Annotations[api.TraceParentAnnotation]
	if len(parent) != 55 {
		t.Fatalf("the pod says that its trace is %q", parent)
	}
	want := []string{
		"spillway-node: admit pod > create downstream pod",
		"spillway-node: admit pod > run downstream",
		"spillway-node: admit pod > schedule upstream",
		"spillway-node: run downstream > prepare and create",
		"spillway-node: run downstream > report",
		"spillway-node: run downstream > schedule downstream",
		"spillway-node: run downstream > start containers",
		"spillway-webhook:  > admit pod",
		"spillway-webhook: admit pod > choose subset",
	}
	must("see the trace", playground.Eventually(ctx, "the collector has the trace", func(context.Context) error {
		if got := received.names(parent[3:35]); !slices.Equal(got, want) {
			return errors.New("it has " + fmt.Sprintf("%q", got))
		}
		return nil
	}))
	below, err := on.Downstream.Client().CoreV1().Pods("traced").Get(ctx, "web", metav1.GetOptions{})
	must("read the downstream pod", err)
	if below.Annotations[api.TraceParentAnnotation] != parent {
		t.Errorf("the downstream pod says that its trace is %q, and not %q", below.Annotations[api.TraceParentAnnotation], parent)
	}
}
