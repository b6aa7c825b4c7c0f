package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"fermata/balancer"
)

// clientKey carries the *client of a plain request through its context.
type clientKey struct{}

// servePlain passes a plain request to a node: Reverb's API and /up.
func (h *Handler) servePlain(w http.ResponseWriter, r *http.Request, c *client) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	body := h.bodies.open(cancel)
	defer body.close()
	whole := context.AfterFunc(h.left, func() { cancel(errStopping) })
	err := body.read(ctx, w, r, c.options.Limits)
	if !whole() {
		err = errStopping
	}
	if err != nil {
		h.refuseBody(w, r, c, err)
		return
	}
	defer h.waitForNode(cancel)()
	r, answered := h.toOthers(r.WithContext(ctx), body, c.options)
	defer answered()
	ctx, end := context.WithTimeout(r.Context(), c.options.Timeouts.Response)
	defer end()
	h.plain.ServeHTTP(speller{w}, withBody(withClient(r.WithContext(ctx), c), body))
}

// refuseBody answers a request whose body could not be read.
func (h *Handler) refuseBody(w http.ResponseWriter, r *http.Request, c *client, err error) {
	status, wrong := bodyFault(err)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	if errors.Is(err, errBodies) {
		h.noteFailed(r, c, status, err)
	}
	refuse(w, status, wrong)
}

func withClient(r *http.Request, c *client) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), clientKey{}, c))
}

// withBody gives the request a body of known length, and none of what Reverb
// does not take: chunks, trailers, an upgrade to something else. It must be a
// copy, since net/http looks for the body that it made in its own.
func withBody(r *http.Request, body *body) *http.Request {
	r.Body, r.ContentLength = body.reader(), body.size
	r.TransferEncoding, r.Trailer = nil, nil
	r.Header.Del("Upgrade")
	return r
}

func newPlain(h *Handler) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite:        rewrite,
		Transport:      h.toNodes,
		ModifyResponse: modifyPlain,
		ErrorHandler:   h.plainFailed,
		ErrorLog:       zap.NewStdLog(h.log),
	}
}

// newTransport makes one connection a request, as Reverb does.
func newTransport(h *Handler) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return ctx.Value(attemptKey{}).(*attempt).dial(ctx, h)
		},
		MaxIdleConnsPerHost:    -1, // none is kept
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
	pr.Out.Header.Set("Connection", "close")
	spell(pr.Out.Header)
}

// nodes is the transport of plain requests: it sends each to a node.
type nodes struct {
	h    *Handler
	base *http.Transport
}

// attempt is a plain request on its way to one node.
type attempt struct {
	node      *balancer.Node
	connected atomic.Bool // before that, nothing was sent
}

// attemptKey carries an *attempt to the dialer.
type attemptKey struct{}

func (a *attempt) dial(ctx context.Context, h *Handler) (net.Conn, error) {
	limits := h.options.Load().Timeouts
	conn, err := h.dial(ctx, time.Now().Add(limits.Response), a.node, limits)
	a.connected.Store(err == nil)
	return conn, err
}

// wentDown is the error of a request whose node went down meanwhile.
func (a *attempt) wentDown() error {
	if a.connected.Load() {
		return errNodeDown
	}
	return &dialError{a.node.Name(), errNodeDown}
}

// RoundTrip sends the request to one node after the other, until one can be
// dialled. Once bytes may have been sent there is no second try: Reverb's API
// would publish an event twice.
func (t *nodes) RoundTrip(r *http.Request) (*http.Response, error) {
	c := r.Context().Value(clientKey{}).(*client)
	if err := c.fitPlain(r); err != nil {
		return nil, err
	}
	d := balancer.Demand{Signed: isSigned(r), Prefer: senderNode(r.Context())}
	var last error
	for {
		turn, err := t.h.place(r.Context(), d, c.options)
		if err != nil {
			return nil, errors.Join(err, last)
		}
		c.sentTo(turn.Node)
		response, err := t.ask(r, &turn)
		var dial *dialError
		if r.Context().Err() != nil || !errors.As(err, &dial) {
			return response, err
		}
		last, d.Tried = err, append(d.Tried, turn.Node)
	}
}

// ask sends the request to a node, whose place it gives back when the answer is
// over.
func (t *nodes) ask(r *http.Request, turn *balancer.Turn) (*http.Response, error) {
	asked := time.Now()
	ctx, span := t.h.tracedNode(r.Context(), r.Context().Value(clientKey{}).(*client).pick)
	response, err := t.send(r.WithContext(ctx), turn.Node)
	err = noSwitch(response, err)
	endSpan(span, "", err)
	shown := shows(r, err, time.Since(asked))
	if err != nil {
		t.h.giveBack(turn, shown)
		return nil, err
	}
	response.Body = placed{response.Body, func() { t.h.giveBack(turn, shown) }}
	return response, nil
}

// reasonTurn is for a plain request, of which nodes get one after the other.
const reasonTurn balancer.Reason = "turn"

// sentTo notes the node that a plain request is sent to.
func (c *client) sentTo(n *balancer.Node) {
	c.tries++
	if c.tries == 1 {
		c.pick = balancer.Pick{Node: n, Preferred: n, Reason: reasonTurn}
		return
	}
	c.pick.Node, c.pick.Reason = n, balancer.ReasonRetry
}

// nodeField is for the log: the last node that was asked.
func (c *client) nodeField() zap.Field {
	if c.pick.Node == nil {
		return zap.Skip()
	}
	return zap.String("node", c.pick.Node.Name())
}

// modifyPlain is for a node's answer.
func modifyPlain(response *http.Response) error {
	response.Request.Context().Value(clientKey{}).(*client).explain(response.Header)
	return measure(response)
}

// toNode is the request for one attempt, whose end must not close the body:
// there may be another.
func (a *attempt) toNode(r *http.Request) *http.Request {
	out := r.WithContext(context.WithValue(r.Context(), attemptKey{}, a))
	if r.Body != nil {
		out.Body = io.NopCloser(r.Body)
	}
	return out
}

// noSwitch errors on a 101 to a request that asked for none.
func noSwitch(response *http.Response, err error) error {
	if err == nil && response.StatusCode == http.StatusSwitchingProtocols {
		response.Body.Close()
		return errors.New("answered 101 to a plain request")
	}
	return err
}

// plainFailed answers a plain request that no node has answered.
func (h *Handler) plainFailed(w http.ResponseWriter, r *http.Request, err error) {
	c := r.Context().Value(clientKey{}).(*client)
	switch cause := context.Cause(r.Context()); {
	case errors.Is(cause, errBodies):
		h.refuseBody(w, r, c, cause)
		return
	case errors.Is(err, context.Canceled) && errors.Is(cause, errStopping):
		err = errStopping
	}
	status, text := plainFault(err, c.options)
	c.explain(w.Header())
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, errHead):
		refuse(w, status, text)
		return
	case status == http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	}
	h.noteFailed(r, c, status, err)
	http.Error(w, text, status)
}

// plainFault is what a client is told whose request no node has answered.
func plainFault(err error, o *Options) (status int, text string) {
	switch {
	case errors.Is(err, context.Canceled):
		return http.StatusRequestTimeout, hasGone
	case errors.Is(err, errHead):
		return http.StatusRequestHeaderFieldsTooLarge, fmt.Sprintf("got a head of more than %d bytes as it would reach the node, want at most that", o.Limits.MaxHeaderBytes)
	case errors.Is(err, balancer.ErrNoUsableNode), errors.Is(err, balancer.ErrBusy):
		return http.StatusServiceUnavailable, "no node can take this request now"
	case errors.Is(err, errStopping):
		return http.StatusGatewayTimeout, "Fermata is stopping, and the node has not answered; it may have done what was asked"
	case errors.Is(err, errNodeDown):
		return http.StatusBadGateway, "the node went down before it answered; it may have done what was asked"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusGatewayTimeout, "the node did not answer in time"
	}
	return http.StatusBadGateway, "the node did not answer properly"
}

// noteFailed writes a line for each request, but for those of a flood, of which
// one a second says how many there were.
func (h *Handler) noteFailed(r *http.Request, c *client, status int, err error) {
	message, count := "request failed", 0
	if errors.Is(err, balancer.ErrBusy) || errors.Is(err, errBodies) {
		if count = h.surplus.add(time.Now(), time.Second); count == 0 {
			return
		}
		message = "requests turned away"
	}
	fields := []zap.Field{zap.Stringer("client", c.ip), c.requestField(), c.nodeField(), zap.String("method", r.Method), zap.String("path", c.path.Value()),
		zap.Int("status", status), zap.Duration("dur", time.Since(c.live.Since)), zap.NamedError("err", err)}
	if count > 0 {
		fields = append(fields, zap.Int("count", count))
	}
	h.log.Warn(message, fields...)
}
