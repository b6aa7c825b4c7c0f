package tracing

import (
	"go.opentelemetry.io/otel/trace"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// DrainSpan is the name of a drain's span, which is always kept.
const DrainSpan = "drain"

// sampler keeps every drain, and a part of what else begins a trace.
type sampler struct{ part sdk.Sampler }

// newSampler is for a part from 0 to 1. What belongs to a trace is kept if that is.
func newSampler(part float64) sdk.Sampler {
	return sdk.ParentBased(sampler{sdk.TraceIDRatioBased(part)})
}

// ShouldSample implements sdk.Sampler.
func (s sampler) ShouldSample(p sdk.SamplingParameters) sdk.SamplingResult {
	if p.Name == DrainSpan {
		return sdk.SamplingResult{Decision: sdk.RecordAndSample, Tracestate: trace.SpanContextFromContext(p.ParentContext).TraceState()}
	}
	return s.part.ShouldSample(p)
}

// Description implements sdk.Sampler.
func (s sampler) Description() string { return "drains, and " + s.part.Description() }
