package app

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"fermata/balancer"
	"fermata/internal/cluster"
	"fermata/internal/config"
	"fermata/internal/names"
	"fermata/internal/tracing"
	"fermata/proxy/moves"
)

// lastSpans is how long a stop may wait for the last spans to be sent.
const lastSpans = 100 * time.Millisecond

// newTracer is nil where the configuration wants no traces.
func (a *App) newTracer(c *config.Config) (*tracing.Tracer, error) {
	if c.Tracing == nil {
		return nil, nil
	}
	var who cluster.Options
	if c.Cluster != nil {
		who = *c.Cluster
	}
	line := newSeldom()
	return tracing.New(*c.Tracing, who.MemberName(), func(err error) {
		a.metrics.SpansLost()
		line.warn(a.log, "spans not sent", zap.String("endpoint", c.Tracing.Endpoint), zap.String("err", names.Reason(err)))
	})
}

// drainSpans are the spans of drains under way; without a tracer there are none. Its
// methods may be called concurrently.
type drainSpans struct {
	tracer *tracing.Tracer

	mu   sync.Mutex
	open map[*balancer.Node]trace.Span
}

func newDrainSpans(t *tracing.Tracer) *drainSpans {
	return &drainSpans{tracer: t, open: make(map[*balancer.Node]trace.Span)}
}

// tracedDrain has the moves of a drain belong to its span.
func (a *App) tracedDrain(n balancer.Status, m moves.Move) moves.Move {
	m.Span = a.drains.begin(n, m.Reason)
	return m
}

// begin is the span of the node's drain, which goes on or begins now.
func (s *drainSpans) begin(n balancer.Status, reason string) trace.SpanContext {
	if s.tracer == nil {
		return trace.SpanContext{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	span := s.open[n.Node]
	if span == nil {
		_, span = s.tracer.Start(context.Background(), tracing.DrainSpan, attribute.String("fermata.node", n.Name),
			attribute.String("fermata.reason", reason), attribute.Int("fermata.clients", n.Connections))
		s.open[n.Node] = span
	}
	return span.SpanContext()
}

// drained ends the span of a node whose last client has gone.
func (s *drainSpans) drained(n *balancer.Node, o moves.Outcome) {
	s.end(n, func(span trace.Span) {
		span.SetAttributes(attribute.Int("fermata.moved", o.Moved), attribute.Int("fermata.closed", o.ClosedAll()), attribute.String("fermata.result", o.String()))
	})
}

// stay ends the span of a node that takes clients again.
func (s *drainSpans) stay(n *balancer.Node) {
	s.end(n, func(span trace.Span) { span.SetAttributes(attribute.String("fermata.result", "undrained")) })
}

// endAll ends what is left at a stop.
func (s *drainSpans) endAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, span := range s.open {
		span.SetStatus(codes.Error, "Fermata has stopped")
		span.End()
	}
	clear(s.open)
}

func (s *drainSpans) end(n *balancer.Node, note func(trace.Span)) {
	s.mu.Lock()
	span := s.open[n]
	delete(s.open, n)
	s.mu.Unlock()
	if span != nil {
		note(span)
		span.End()
	}
}
