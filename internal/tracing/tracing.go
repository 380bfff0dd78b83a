// Package tracing tells an OpenTelemetry collector which request led to which,
// across the programs. It alone knows the libraries; without a collector there
// is no tracer, and nothing is recorded or sent along.
package tracing

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Tracer records a program's requests, those that it gets and those that it
// sends. A nil one records nothing.
type Tracer struct{ provider *sdk.TracerProvider }

// Start returns a tracer that sends what it records to the collector at
// endpoint, by OTLP over HTTP. An empty endpoint is none. The library's other
// variables (OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER, …) count too.
func Start(ctx context.Context, program, endpoint string, log *slog.Logger) (*Tracer, error) {
	if endpoint == "" {
		return nil, nil
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint+"/v1/traces"))
	if err != nil {
		return nil, err
	}
	about, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", program)), resource.WithFromEnv())
	if err != nil {
		return nil, err
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces were not sent", "error", err) }))
	return &Tracer{sdk.NewTracerProvider(sdk.WithBatcher(discreet{exporter}), sdk.WithResource(about))}, nil
}

// stopTimeout is how long a collector may take with what is left.
const stopTimeout = 2 * time.Second

// Stop sends what waits.
func (t *Tracer) Stop() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	_ = t.provider.Shutdown(ctx)
}

// Handler records the requests that a program gets.
func (t *Tracer) Handler(program http.Handler) http.Handler {
	if t == nil {
		return program
	}
	return otelhttp.NewHandler(program, "request", t.options()...)
}

// Transport records the requests that a program sends, and sends along what
// they belong to (W3C Trace Context §3.2: traceparent).
func (t *Tracer) Transport(base http.RoundTripper) http.RoundTripper {
	if t == nil {
		return base
	}
	return otelhttp.NewTransport(base, t.options()...)
}

func (t *Tracer) options() []otelhttp.Option {
	return []otelhttp.Option{
		otelhttp.WithTracerProvider(t.provider),
		otelhttp.WithPropagators(propagation.TraceContext{}), // and no baggage, which would carry strangers' words on
		otelhttp.WithFilter(worthwhile),
	}
}

// worthwhile leaves out what happens all the time and means nothing.
func worthwhile(r *http.Request) bool {
	switch r.URL.Path {
	case "/healthz", "/readyz", "/metrics", "/revocations":
		return false
	}
	return !strings.HasPrefix(r.URL.Path, "/static/")
}

// Route names the request that is recorded by its route.
func Route(ctx context.Context, method, route string) {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetName(method + " " + route)
		span.SetAttributes(attribute.String("http.route", route))
	}
}

// ID is the trace that a request belongs to, for its log line; empty: none.
func ID(ctx context.Context) string {
	if of := trace.SpanContextFromContext(ctx); of.IsValid() {
		return of.TraceID().String()
	}
	return ""
}

// discreet sends of a request what an operator needs. Codes and states travel
// in URLs, and addresses are people's.
type discreet struct{ sdk.SpanExporter }

func (d discreet) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	told := make([]sdk.ReadOnlySpan, len(spans))
	for i, span := range spans {
		told[i] = outline{span}
	}
	return d.SpanExporter.ExportSpans(ctx, told)
}

type outline struct{ sdk.ReadOnlySpan }

// told are the attributes that stay.
var told = []attribute.Key{
	"http.request.method", "http.route", "http.response.status_code", "server.address", "server.port", "error.type", "url.full",
}

func (o outline) Attributes() (all []attribute.KeyValue) {
	for _, a := range o.ReadOnlySpan.Attributes() {
		if a.Key == "url.full" {
			before, _, _ := strings.Cut(a.Value.AsString(), "?")
			a = a.Key.String(before)
		}
		if slices.Contains(told, a.Key) {
			all = append(all, a)
		}
	}
	return all
}

// Events are errors in somebody else's words.
func (outline) Events() []sdk.Event { return nil }
