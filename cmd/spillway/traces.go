package main

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/pflag"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
	"go.opentelemetry.io/otel/trace"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

// flushTimeout is how long a process that ends waits for the collector.
const flushTimeout = 5 * time.Second

// perMillion is all.
const perMillion = 1_000_000

// traceFlags say where traces go. The names are those of Kubernetes' own
// TracingConfiguration.
type traceFlags struct {
	endpoint string
	rate     int
}

func (f *traceFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.endpoint, "tracing-endpoint", "", "URL of an OpenTelemetry collector that takes OTLP over gRPC, such as http://collector.tracing:4317, or https://; empty: no traces")
	flags.IntVar(&f.rate, "tracing-sampling-rate-per-million", perMillion, "of how many pods in a million the way is recorded; those whose API server traces the request are recorded if it does")
}

// run runs with what records traces, nil without an endpoint, and delivers those that
// are left in the end.
func (f *traceFlags) run(ctx context.Context, service string, run func(trace.TracerProvider) error) error {
	if f.endpoint == "" {
		return run(nil)
	}
	provider, err := f.open(ctx, service)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			logf.FromContext(ctx).Error(err, "Traces lost")
		}
	}()
	return run(provider)
}

func (f *traceFlags) open(ctx context.Context, service string) (*sdktrace.TracerProvider, error) {
	if u, err := url.Parse(f.endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("--tracing-endpoint: %q is not of the form http://host:port or https://host:port", f.endpoint)
	}
	if f.rate < 0 || f.rate > perMillion {
		return nil, fmt.Errorf("--tracing-sampling-rate-per-million: %d is not between 0 and %d", f.rate, perMillion)
	}
	exporter, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(f.endpoint))
	if err != nil {
		return nil, fmt.Errorf("--tracing-endpoint: %w", err)
	}
	return sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(float64(f.rate)/perMillion))),
		sdktrace.WithResource(resource.NewSchemaless(semconv.ServiceName(service), semconv.ServiceVersion(buildVersion()))),
	), nil
}
