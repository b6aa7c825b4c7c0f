package proxy

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"fermata/balancer"
)

// traced begins the span of a request. It ends with the search for a node and the
// answer, and not with the client: a span is sent when it has ended.
func (h *Handler) traced(w http.ResponseWriter, r *http.Request, c *client) (http.ResponseWriter, *http.Request, trace.Span) {
	if h.tracer == nil {
		return w, r, spanOf(context.Background())
	}
	name := "request"
	if wantsUpgrade(r) {
		name = "upgrade"
	}
	r, span := h.tracer.StartRequest(r, name, c.trusted,
		attribute.String("http.request.method", cut(r.Method)), attribute.String("url.path", c.path.Value()), attribute.String("server.address", c.host.Value()),
		attribute.String("client.address", c.ip.String()), attribute.Bool("fermata.secure", c.secure), attribute.String("fermata.request_id", c.request.String()),
	)
	return statusNoting{w, span}, r, span
}

// spanOf is the span in ctx, or one that notes nothing.
func spanOf(ctx context.Context) trace.Span { return trace.SpanFromContext(ctx) }

// statusNoting notes the status of the answer in a span.
type statusNoting struct {
	http.ResponseWriter
	span trace.Span
}

// WriteHeader implements http.ResponseWriter.
func (w statusNoting) WriteHeader(status int) {
	noteStatus(w.span, status)
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w statusNoting) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// noteStatus is for a span of the server's side, where a client's mistake is no error.
func noteStatus(span trace.Span, status int) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attribute.Int("http.response.status_code", status))
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
}

// tracedNode begins the span of what one node is asked.
func (h *Handler) tracedNode(ctx context.Context, p balancer.Pick) (context.Context, trace.Span) {
	if h.tracer == nil {
		return ctx, spanOf(context.Background())
	}
	return h.tracer.Start(ctx, "ask node", nodeAttribute(p.Node), attribute.String("fermata.pick", string(p.Reason)))
}

// tracedMove begins the span of a session's move.
func (h *Handler) tracedMove(ctx context.Context, s *sessionClient) (context.Context, trace.Span) {
	if h.tracer == nil {
		return ctx, spanOf(context.Background())
	}
	return h.tracer.Start(ctx, "move", attribute.String("fermata.from", s.pick.Node.Name()), attribute.String("client.address", s.ip.String()),
		attribute.String("fermata.request_id", s.request.String()))
}

func nodeAttribute(n *balancer.Node) attribute.KeyValue {
	return attribute.String("fermata.node", n.Name())
}

// endSpan ends a span with what came of it; result is empty where err says all.
func endSpan(span trace.Span, result string, err error) {
	if result != "" && span.IsRecording() {
		span.SetAttributes(attribute.String("fermata.result", result))
	}
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}
