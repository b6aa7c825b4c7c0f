package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"

	"fermata/balancer"
)

// clientKey carries the *client of a plain request through its context.
type clientKey struct{}

// servePlain passes a plain request to a node: Reverb's API and /up.
func (h *Handler) servePlain(w http.ResponseWriter, r *http.Request, c *client, o *Options) {
	if !h.admitted(o) {
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusServiceUnavailable, "too many clients")
		return
	}
	r.Header.Del("Upgrade")
	if status, err := h.readBody(w, r, o); err != nil {
		refuse(w, status, err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), o.Timeouts.Response)
	defer cancel()
	h.plain.ServeHTTP(w, r.WithContext(context.WithValue(ctx, clientKey{}, c)))
}

// readBody bounds a request's body, and reads one whose length is not known
// beforehand: Reverb takes no chunked bodies, and no trailers.
func (h *Handler) readBody(w http.ResponseWriter, r *http.Request, o *Options) (status int, err error) {
	most := o.Limits.MaxBodyBytes
	if r.ContentLength > most {
		return http.StatusRequestEntityTooLarge, fmt.Errorf("got a body of %d bytes, want at most %d", r.ContentLength, most)
	}
	if r.ContentLength >= 0 {
		r.Body = body{r.Body}
		return 0, nil
	}
	whole, err := io.ReadAll(body{http.MaxBytesReader(w, r.Body, most)})
	if err != nil {
		return bodyStatus(err), err
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(whole)), int64(len(whole))
	r.TransferEncoding, r.Trailer = nil, nil
	return 0, nil
}

// body is what a client sends. It marks what goes wrong with that, so that no
// node is blamed.
type body struct{ io.ReadCloser }

func (b body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = &bodyError{err}
	}
	return n, err
}

type bodyError struct{ err error }

func (e *bodyError) Unwrap() error { return e.err }

func (e *bodyError) Error() string {
	var large *http.MaxBytesError
	if errors.As(e.err, &large) {
		return fmt.Sprintf("got a body of more than %d bytes, want at most that", large.Limit)
	}
	return fmt.Sprintf("read the body: %v", bare(e.err))
}

// bodyStatus is what a client is told whose body could not be read.
func bodyStatus(err error) int {
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusRequestTimeout
	}
	return http.StatusBadRequest
}

func newPlain(h *Handler) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite:      rewrite,
		Transport:    &nodes{h, newTransport(h)},
		ErrorHandler: h.plainFailed,
		ErrorLog:     zap.NewStdLog(h.Log),
	}
}

// newTransport makes one connection a request, as Reverb does.
func newTransport(h *Handler) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return h.dial(ctx, ctx.Value(nodeKey{}).(*balancer.Node), h.options.Load())
		},
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxAnswerHead,
	}
}

// rewrite makes the request that a node gets. The path and the query stay
// byte for byte as they are: the API's signature covers them. Only a path that
// begins with // and has bytes that belong into no URL gets those encoded.
func rewrite(pr *httputil.ProxyRequest) {
	target := requestTarget(pr.In)
	path, query, found := strings.Cut(target, "?")
	pr.Out.URL.Scheme, pr.Out.URL.Host = "http", "node"
	pr.Out.URL.RawQuery, pr.Out.URL.ForceQuery = query, found && query == ""
	if !strings.HasPrefix(path, "//") { // url.URL would take that for a host
		pr.Out.URL.Opaque = path
	}
	pr.Out.Host = pr.In.Host
	stripHopByHop(pr.Out.Header)
	pr.In.Context().Value(clientKey{}).(*client).setForwarded(pr.Out.Header, pr.In)
}

// nodes is the transport of plain requests: it sends each to a node.
type nodes struct {
	h    *Handler
	base *http.Transport
}

// nodeKey carries the node of a plain request to the dialer.
type nodeKey struct{}

// RoundTrip sends the request to one node after the other, until one can be
// dialled. Once bytes may have been sent there is no second try: Reverb's API
// would publish an event twice.
func (t *nodes) RoundTrip(r *http.Request) (*http.Response, error) {
	var tried []*balancer.Node
	var last error
	for {
		n, err := t.h.Pool.Next(tried)
		if err != nil {
			return nil, errors.Join(err, last)
		}
		response, err := t.base.RoundTrip(toNode(r, n))
		var dial *dialError
		if r.Context().Err() != nil || !errors.As(err, &dial) {
			return response, err
		}
		last, tried = err, append(tried, n)
	}
}

// toNode is the request for one try. Its body outlives a try that failed.
func toNode(r *http.Request, n *balancer.Node) *http.Request {
	out := r.WithContext(context.WithValue(r.Context(), nodeKey{}, n))
	if r.Body != nil {
		out.Body = io.NopCloser(r.Body)
	}
	return out
}

// plainFailed answers a plain request that no node has answered.
func (h *Handler) plainFailed(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) { // the client has gone, or net/http could not read its body
		refuse(w, http.StatusRequestTimeout, "the request did not come in time")
		return
	}
	status, text := http.StatusBadGateway, "the node did not answer properly"
	var bad *bodyError
	switch {
	case errors.As(err, &bad):
		status, text = bodyStatus(bad), bad.Error()
	case errors.Is(err, balancer.ErrNoUsableNode):
		status, text = http.StatusServiceUnavailable, "no node can take this request now"
		w.Header().Set("Retry-After", "1")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		status, text = http.StatusGatewayTimeout, "the node did not answer in time"
	}
	c := r.Context().Value(clientKey{}).(*client)
	h.Log.Warn("request failed", zap.Stringer("client", c.ip), zap.String("method", r.Method), zap.String("path", cut(c.path)),
		zap.Int("status", status), zap.Duration("dur", time.Since(c.started)), zap.NamedError("err", err))
	http.Error(w, text, status)
}
