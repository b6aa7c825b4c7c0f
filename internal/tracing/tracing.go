// Package tracing makes spans of what happens to clients and nodes, in
// OpenTelemetry's words, and sends them over OTLP.
package tracing

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Options are the configuration's section tracing.
type Options struct {
	// Endpoint is where spans go by OTLP over HTTP: http://127.0.0.1:4318, to which
	// /v1/traces is added where there is no path.
	Endpoint string `yaml:"endpoint"`
	// Sample is the part of the clients and requests with a trace, from 0 to 1.
	// Drains have one always, and so has what a trusted proxy traces.
	Sample float64 `yaml:"sample"`
	// Service is the service.name.
	Service string `yaml:"service"`
}

// SetDefaults fills what the section does not say.
func (o *Options) SetDefaults() { o.Sample, o.Service = 0.01, "fermata" }

// Tracer begins spans. Make it with New, and end it with Stop; nil begins none, at
// no cost. Its methods may be called concurrently.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	headers  propagation.TraceContext
}

// New returns a Tracer, which sends what it has every few seconds, and drops what
// does not fit into its queue of 2048 spans. It connects to nothing before. What goes
// wrong with sending is told from the Tracer's own goroutine. Member is the
// service.instance.id. The environment's OTEL_EXPORTER_OTLP_HEADERS, OTEL_EXPORTER_OTLP_CERTIFICATE and
// OTEL_RESOURCE_ATTRIBUTES count.
func New(o Options, member string, failed func(error)) (*Tracer, error) {
	address, err := o.url()
	if err != nil {
		return nil, err
	}
	exporter, err := otlptracehttp.New(context.Background(), otlptracehttp.WithEndpointURL(address))
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	who, err := resource.New(context.Background(), resource.WithAttributes(
		attribute.String("service.name", o.Service), attribute.String("service.instance.id", member),
	), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(telling{exporter, failed}), sdk.WithResource(who), sdk.WithSampler(newSampler(o.Sample)),
	)
	return &Tracer{provider: provider, tracer: provider.Tracer("fermata")}, nil
}

// Stop sends what there is, and ends the Tracer, within that time.
func (t *Tracer) Stop(within time.Duration) {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	t.provider.Shutdown(ctx) // what goes wrong is told as ever
}

// Start begins a span, a part of the one in ctx if there is one. The caller ends it.
func (t *Tracer) Start(ctx context.Context, name string, of ...attribute.KeyValue) (context.Context, trace.Span) {
	if t == nil {
		return ctx, none()
	}
	return t.tracer.Start(ctx, name, trace.WithAttributes(of...))
}

// StartRequest begins the span of a client's request, and returns the request with
// it. It is a part of the trace that the request names if a trusted proxy has named
// it. A stranger's is linked to and no more: it would decide what is kept. The
// request names the span from then on.
func (t *Tracer) StartRequest(r *http.Request, name string, trusted bool, of ...attribute.KeyValue) (*http.Request, trace.Span) {
	if t == nil {
		return r, none()
	}
	ctx := t.headers.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	with := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(of...)}
	if theirs := trace.SpanContextFromContext(ctx); theirs.IsValid() && !trusted {
		with = append(with, trace.WithNewRoot(), trace.WithLinks(trace.Link{SpanContext: theirs}))
	}
	ctx, span := t.tracer.Start(ctx, name, with...)
	t.Inject(ctx, r.Header)
	return r.WithContext(ctx), span
}

// Inject has a request's header name the span in ctx, if there is one, in place of
// what it names.
func (t *Tracer) Inject(ctx context.Context, h http.Header) {
	if t == nil || !trace.SpanContextFromContext(ctx).IsValid() {
		return
	}
	h.Del("Tracestate")
	t.headers.Inject(ctx, propagation.HeaderCarrier(h))
}

// none is the span where there is no Tracer.
func none() trace.Span { return trace.SpanFromContext(context.Background()) }
