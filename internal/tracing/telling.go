package tracing

import (
	"context"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// telling tells what goes wrong with an exporter, which would otherwise get to a
// handler of the whole process.
type telling struct {
	sdk.SpanExporter
	failed func(error)
}

// ExportSpans implements sdk.SpanExporter.
func (t telling) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if err := t.SpanExporter.ExportSpans(ctx, spans); err != nil {
		t.failed(err)
	}
	return nil
}
