package proxy

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"fermata/balancer"
	"fermata/internal/pusher"
	"fermata/proxy/relay"
)

// wantsUpgrade is whether the client asks for a WebSocket. Other upgrades,
// h2c above all, are not offered: such a request is a plain one.
func wantsUpgrade(r *http.Request) bool {
	return hasToken(r.Header["Upgrade"], "websocket")
}

// checkUpgrade refuses what RFC 6455 section 4.2.1 does not allow. Reverb
// would refuse it too, but leave the connection open.
func checkUpgrade(r *http.Request) (status int, wrong string) {
	key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-WebSocket-Key"))
	switch {
	case !r.ProtoAtLeast(1, 1):
		return http.StatusHTTPVersionNotSupported, fmt.Sprintf("got %s, want HTTP/1.1", r.Proto)
	case r.Method != http.MethodGet:
		return http.StatusMethodNotAllowed, fmt.Sprintf("got method %s, want GET", r.Method)
	case !hasToken(r.Header["Connection"], "upgrade"):
		return http.StatusBadRequest, fmt.Sprintf("got Connection: %q, want Upgrade", cut(r.Header.Get("Connection")))
	case namesHandshake(r.Header["Connection"]):
		return http.StatusBadRequest, fmt.Sprintf("got Connection: %q, which takes away what the upgrade needs, want Upgrade", cut(strings.Join(r.Header["Connection"], ", ")))
	case r.Header.Get("Sec-WebSocket-Version") != "13":
		return http.StatusUpgradeRequired, fmt.Sprintf("got Sec-WebSocket-Version: %q, want 13", cut(r.Header.Get("Sec-WebSocket-Version")))
	case err != nil || len(key) != 16 || len(r.Header["Sec-Websocket-Key"]) != 1:
		return http.StatusBadRequest, fmt.Sprintf("got Sec-WebSocket-Key: %q, want one of 16 bytes in base64", cut(r.Header.Get("Sec-WebSocket-Key")))
	case r.ContentLength != 0:
		return http.StatusBadRequest, "got an upgrade with a body, want none"
	}
	return 0, ""
}

// namesHandshake is whether Connection names fields of the handshake, Origin
// among them, which are then for Fermata alone: a node would not see them.
func namesHandshake(connection []string) bool {
	return slices.ContainsFunc(tokens(connection), func(name string) bool {
		name = strings.ToLower(name)
		return strings.HasPrefix(name, "sec-websocket-") || name == "host" || name == "origin"
	})
}

// serveUpgrade takes a client from its upgrade request to the relay.
func (h *Handler) serveUpgrade(w http.ResponseWriter, r *http.Request, c *client, o *Options) {
	status, wrong := checkUpgrade(r)
	head := upgradeHead(r, c)
	if status == 0 && len(head) > o.Limits.MaxHeaderBytes {
		status, wrong = http.StatusRequestHeaderFieldsTooLarge, tooLarge(len(head), o)
	}
	if status != 0 {
		h.refuseUpgrade(w, c, status, wrong)
		return
	}
	if h.stopping.Err() != nil {
		h.turnAway(w, r, c, o, errStopping)
		return
	}
	if !h.admit(o) {
		h.turnAway(w, r, c, o, errTooMany)
		return
	}
	defer h.leaveUnlessJoined(c)
	answer, err := h.findNode(r, c, head, o)
	switch {
	case err != nil && r.Context().Err() != nil:
		refuse(w, http.StatusRequestTimeout, hasGone)
	case err != nil:
		h.turnAway(w, r, c, o, err)
	case answer.StatusCode != http.StatusSwitchingProtocols:
		answer.passOn(w)
	default:
		h.join(w, r, c, answer, o)
	}
}

// leaveUnlessJoined is the end of a client that was admitted, unless the relay
// has it, whose end comes later.
func (h *Handler) leaveUnlessJoined(c *client) {
	if c.live.Conn == nil {
		c.pick.Release()
		h.leave()
	}
}

func tooLarge(size int, o *Options) string {
	return fmt.Sprintf("got a request head of %d bytes as it would reach the node, want at most %d", size, o.Limits.MaxHeaderBytes)
}

// findNode asks one node after the other until one answers, and returns with
// the client counted there. A node that fails costs the client nothing but
// time. The error is the last node's, wrapped in balancer.ErrNoUsableNode.
func (h *Handler) findNode(r *http.Request, c *client, head []byte, o *Options) (*answer, error) {
	ctx, cancel := context.WithTimeout(r.Context(), o.Timeouts.Handshake)
	defer cancel()
	defer context.AfterFunc(h.stopping, cancel)() // clients that wait go at once
	key := balancer.Key{IP: c.ip, Pins: h.pinsOf(r)}
	var last error
	for ctx.Err() == nil {
		pick, err := h.Pool.Acquire(key)
		if err != nil {
			break
		}
		c.pick, c.tries = pick, c.tries+1
		answer, err := h.try(ctx, pick.Node, head, r, o)
		if errors.Is(err, errSilent) {
			h.noteSilent(pick.Node, c)
			answer, err = h.orSilence(answer, err, pick.Node, key.Tried, last)
		}
		h.Metrics.Handshake(pick.Node.Name(), result(answer, err))
		if err == nil {
			h.Metrics.Picked(pick.Node.Name(), string(pick.Reason))
			c.explain(answer.Header)
			return answer, nil
		}
		c.pick.Release()
		if r.Context().Err() != nil {
			return nil, err // the client has gone; its node has not failed
		}
		last = err
		key.Tried = append(key.Tried, pick.Node)
		if !errors.Is(err, errBusy) {
			h.Log.Debug("node failed a client, trying the next", zap.String("node", pick.Node.Name()), zap.Stringer("client", c.ip), c.requestField(), zap.NamedError("err", err))
		}
	}
	if errors.Is(last, errBusy) {
		<-ctx.Done() // a client that waits comes back later than one that is sent off
	}
	if last != nil {
		return nil, fmt.Errorf("%w: %w", balancer.ErrNoUsableNode, last)
	}
	return nil, balancer.ErrNoUsableNode
}

// errBusy is a node that gets as many upgrades as it may for longer than the
// client can wait.
var errBusy = errors.New("busy with upgrades")

// try asks one node, unless it goes down before it has answered. With errSilent
// there is an answer.
func (h *Handler) try(ctx context.Context, n *balancer.Node, head []byte, r *http.Request, o *Options) (*answer, error) {
	ctx, stop := h.whileUp(ctx, n)
	defer stop()
	a, err := h.tryPaced(ctx, n, head, r, o)
	if err != nil && a == nil && errors.Is(context.Cause(ctx), errNodeDown) {
		return nil, fmt.Errorf("node %s: %w", n.Name(), errNodeDown)
	}
	return a, err
}

// tryPaced asks one node, as soon as that may get another upgrade.
func (h *Handler) tryPaced(ctx context.Context, n *balancer.Node, head []byte, r *http.Request, o *Options) (*answer, error) {
	if err := h.govern.wait(ctx, n, o.Limits); err != nil {
		return nil, fmt.Errorf("node %s: %w: %w", n.Name(), errBusy, err)
	}
	asked := time.Now()
	a, err := h.ask(ctx, n, head, r, o)
	var dial *dialError
	if r.Context().Err() == nil && !errors.As(err, &dial) && !errors.Is(err, errSilent) {
		h.govern.answered(n, time.Since(asked))
		h.noteUnanswered(n, err)
	}
	if err != nil {
		return a, err
	}
	if err := a.readRefusal(ctx); err != nil {
		a.conn.Close()
		return nil, fmt.Errorf("node %s: %w", n.Name(), err)
	}
	return a, nil
}

// join answers the client with the node's 101 and hands both legs to the
// relay.
func (h *Handler) join(w http.ResponseWriter, r *http.Request, c *client, a *answer, o *Options) {
	h.hijacked.Add(1)
	defer h.hijacked.Done()
	conn, early, err := hijack(w)
	if err != nil {
		a.conn.Close()
		return
	}
	defer h.closeUnlessJoined(c, conn, a.conn)
	h.Metrics.Connected(time.Since(c.live.Since))
	c.handler = h
	pair := relay.Pair{
		Client:   conn,
		Node:     a.conn,
		Head:     a.head(h.pinCookie(r, c)),
		ToNode:   early,
		ToClient: a.early(),
		Options:  relayOptions(o),
		Owner:    c,
	}
	c.tally, c.app = h.tallies.enter(c.pick.Node.Name(), a.app(r.URL.Path, o.PathPrefix))
	pair.Counts = &c.tally.traffic
	c.live.Node = c.pick.Node
	c.live.Conn = h.Engine.Start(pair)
	h.Moves.Add(&c.live)
}

// closeUnlessJoined closes what net/http has given away and no relay has taken:
// there was a panic.
func (h *Handler) closeUnlessJoined(c *client, client, node net.Conn) {
	if c.live.Conn == nil {
		client.Close()
		node.Close()
		h.tallies.leave(c)
		h.open.Left()
	}
}

func relayOptions(o *Options) relay.Options {
	return relay.Options{
		Stall:      o.Timeouts.Stall,
		Close:      o.Timeouts.Close,
		Idle:       o.Limits.MaxSilence,
		MaxMessage: o.Limits.MaxMessageBytes,
		Ping:       o.Keepalive.Ping,
	}
}

// NodeLost implements relay.Owner.
func (c *client) NodeLost(last string) relay.Close {
	if told, ok := c.refused(complaint(lastPayload([]byte(last)))); ok {
		return told
	}
	return c.handler.lost(c, c.handler.options.Load())
}

// Notable implements relay.Owner.
func (c *client) Notable(frames []byte) bool { return complains(frames) }

// Ended implements relay.Owner. It is the end of the client's road.
func (c *client) Ended(end relay.End) {
	h, now := c.handler, time.Now()
	h.open.Left()
	h.leave()
	h.Moves.Remove(&c.live)
	h.tallies.leave(c)
	h.Metrics.Closed(c.pick.Node.Name(), string(end.By), now.Sub(c.live.Since))
	c.pick.Release() // with a removed node's last client its metrics go too
	h.Log.Info("client closed", c.line(end, now)...)
}

// young is how long a client must have been connected to be told to come back
// at once: one whose node keeps ending it would come in a hot loop.
const young = 2 * time.Second

// lost says what a client is told whose node vanished, and when: thousands
// that come back at once would take the next node down.
func (h *Handler) lost(c *client, o *Options) relay.Close {
	h.noteLoss(c.pick.Node)
	others := h.Pool.UsableBeside(c.pick.Node)
	code := pusher.CodeRetry
	if len(others) > 0 && time.Since(c.live.Since) >= young {
		code = pusher.CodeMove
	}
	all := 0
	if len(others) == 0 {
		all = len(h.Pool.Nodes())
	}
	hold := h.govern.hold(others, all, o.Limits, time.Now())
	return relay.Close{Code: code, Reason: "node lost", By: relay.ByNodeLost, After: hold}
}

// hijack takes the connection from net/http, with what the client has sent
// ahead of its 101.
func hijack(w http.ResponseWriter) (net.Conn, []byte, error) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	early := make([]byte, rw.Reader.Buffered())
	rw.Read(early)
	return conn, early, nil
}
