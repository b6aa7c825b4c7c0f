package proxy

import (
	"cmp"
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
	version, key := r.Header.Get("Sec-Websocket-Version"), r.Header.Get("Sec-Websocket-Key")
	switch {
	case !r.ProtoAtLeast(1, 1):
		return http.StatusHTTPVersionNotSupported, fmt.Sprintf("got %s, want HTTP/1.1", r.Proto)
	case r.Method != http.MethodGet:
		return http.StatusMethodNotAllowed, fmt.Sprintf("got method %s, want GET", r.Method)
	case !hasToken(r.Header["Connection"], "upgrade"):
		return http.StatusBadRequest, fmt.Sprintf("got Connection: %q, want Upgrade", cut(r.Header.Get("Connection")))
	case namesHandshake(r.Header):
		return http.StatusBadRequest, fmt.Sprintf("got Connection: %q, which takes away what the upgrade needs, want Upgrade", cut(strings.Join(r.Header["Connection"], ", ")))
	case version != "13":
		return http.StatusUpgradeRequired, fmt.Sprintf("got Sec-WebSocket-Version: %q, want 13", cut(version))
	case !isKey(key) || len(r.Header["Sec-Websocket-Key"]) != 1:
		return http.StatusBadRequest, fmt.Sprintf("got Sec-WebSocket-Key: %q, want one of 16 bytes in base64", cut(key))
	case r.ContentLength != 0:
		return http.StatusBadRequest, "got an upgrade with a body, want none"
	}
	return 0, ""
}

// namesHandshake is whether Connection names fields of the handshake, Origin
// among them, which are then for Fermata alone: a node would not see them.
func namesHandshake(h http.Header) bool {
	return slices.ContainsFunc(namedByConnection(h), func(name string) bool {
		return strings.HasPrefix(name, "Sec-Websocket-") || name == "Host" || name == "Origin"
	})
}

// isKey is whether it is 16 bytes in base64.
func isKey(text string) bool {
	var decoded, encoded [24]byte
	n, err := base64.StdEncoding.Decode(decoded[:], encoded[:copy(encoded[:], text)])
	return len(text) == len(encoded) && err == nil && n == 16
}

// upgrade is a client that asks for a WebSocket, until it has one: what is needed
// no longer than that, a client at rest does not keep.
type upgrade struct {
	*client
	h    *Handler
	w    http.ResponseWriter
	r    *http.Request
	head []byte // the request as a node gets it

	conn, node net.Conn // the client's once it is hijacked, and its node's; nil: not so far
	taken      bool     // by a relay or by a goroutine, which ends the client

	by time.Time // when it has to be answered

	session *sessionClient  // which the client is a part of; nil: it can have no session
	reason  balancer.Reason // of its pick, where that is not the pool's to say; empty: it is
}

// serveUpgrade takes a client from its upgrade request to the relay.
func (h *Handler) serveUpgrade(w http.ResponseWriter, r *http.Request, c *client, s *sessionClient) {
	u := &upgrade{client: c, session: s, h: h, w: w, r: r, head: upgradeHead(r, c)}
	c.handler = h
	defer u.end()
	status, wrong := u.check()
	if status != 0 {
		h.refuseUpgrade(w, c, status, wrong)
		return
	}
	switch why := u.admitStranger(); {
	case why != nil:
		h.refuseStranger(w, c, why)
	case h.stopping.Err() != nil:
		u.turnAway(errStopping)
	case !u.admit():
		u.turnAway(errTooMany)
	default:
		u.serve()
	}
}

// check refuses what no node could take.
func (u *upgrade) check() (status int, wrong string) {
	if status, wrong = checkUpgrade(u.r); status != 0 {
		return status, wrong
	}
	if most := u.options.Limits.MaxHeaderBytes; len(u.head) > most {
		return http.StatusRequestHeaderFieldsTooLarge,
			fmt.Sprintf("got a request head of %d bytes as it would reach the node, want at most %d", len(u.head), most)
	}
	return 0, ""
}

// admit counts the client, unless there are as many as there may be.
func (u *upgrade) admit() bool {
	now := u.h.clients.Add(1)
	u.stay.enter(asClient)
	if now > int64(u.options.Limits.MaxClients) || u.options.MaxTogether > 0 && now+u.h.beside.Load() > int64(u.options.MaxTogether) {
		return false
	}
	u.h.admitted.Add(1)
	return true
}

// serve is for a client that was admitted.
func (u *upgrade) serve() {
	answer, err := u.findNode()
	switch {
	case err != nil && u.hasGone():
		refuse(u.w, http.StatusRequestTimeout, hasGone)
	case err != nil:
		u.turnAway(err)
	case answer.StatusCode != http.StatusSwitchingProtocols:
		answer.passOn(u.w)
	default:
		u.join(answer)
	}
}

// end is the end of a client that nobody has taken over: it was refused, has gone, or
// there was a panic.
func (u *upgrade) end() {
	switch {
	case u.taken:
	case u.live.Relay != nil: // it is relayed, and not known to Moves: a panic came between
		u.live.Relay.Close(relay.Close{Code: pusher.CodeRetry, Reason: "internal error", By: relay.ByInternalError})
	default:
		u.closeBoth()
		u.leave(everywhere)
	}
}

func (u *upgrade) closeBoth() {
	for _, conn := range []net.Conn{u.conn, u.node} {
		if conn != nil {
			conn.Close()
		}
	}
}

// findNode asks one node after the other until one answers, and returns with
// the client counted there. A node that fails costs the client nothing but
// time. The error is the last node's, wrapped in balancer.ErrNoUsableNode.
func (u *upgrade) findNode(not ...*balancer.Node) (*answer, error) {
	u.by = time.Now().Add(u.options.Timeouts.Handshake)
	key := balancer.Key{IP: u.ip, Pins: u.h.pinsOf(u.r), Tried: not}
	var last error
	for !u.isInVain() {
		pick, err := u.h.pool.Acquire(key)
		if err != nil {
			break
		}
		pick.Reason = cmp.Or(u.reason, pick.Reason)
		u.settle(pick)
		u.tries++
		answer, err := u.try(key.Tried, last)
		if err == nil {
			return answer, nil
		}
		u.leave(atNode)
		if u.hasGone() {
			return nil, err // its node has not failed
		}
		last = err
		key.Tried = append(key.Tried, pick.Node)
	}
	if errors.Is(last, errBusy) {
		u.waitToTheEnd() // a client that waits comes back later than one that is sent off
	}
	if last != nil {
		return nil, fmt.Errorf("%w: %w", balancer.ErrNoUsableNode, last)
	}
	return nil, balancer.ErrNoUsableNode
}

// hasGone is whether nobody wants the answer any more.
func (u *upgrade) hasGone() bool {
	ctx := u.r.Context()
	return ctx.Err() != nil || relay.HasGone(ctx)
}

// isInVain is whether no node is to be asked any more.
func (u *upgrade) isInVain() bool { return u.hasGone() || u.h.stopping.Err() != nil || u.isLate() }

func (u *upgrade) isLate() bool { return !time.Now().Before(u.by) }

// waitToTheEnd waits until a search is in vain.
func (u *upgrade) waitToTheEnd() {
	ctx, over := u.waitFor(nil)
	defer over()
	relay.Pause(ctx, time.Until(u.by))
}

// errBusy is a node that gets as many upgrades as it may for longer than the
// client can wait.
var errBusy = errors.New("busy with upgrades")

// try asks the node that was picked, and tells what came of it. The nodes that
// were tried before failed, the last of them with that error.
func (u *upgrade) try(tried []*balancer.Node, last error) (*answer, error) {
	n := u.pick.Node
	_, span := u.h.tracedNode(u.r.Context(), u.pick)
	a, err := u.tryWhileUp(n)
	if errors.Is(err, errSilent) {
		u.h.noteSilent(n, u.client)
		a, err = u.h.orSilence(a, err, n, tried, last)
	}
	came := result(a, err)
	endSpan(span, came, err)
	u.h.metrics.Handshake(n.Name(), came)
	switch {
	case err == nil:
		u.h.metrics.Picked(n.Name(), string(u.pick.Reason))
		u.explain(a.Header)
	case !errors.Is(err, errBusy) && !u.hasGone():
		u.h.log.Debug("node failed a client, trying the next", zap.String("node", n.Name()), zap.Stringer("client", u.ip), u.requestField(), zap.NamedError("err", err))
	}
	return a, err
}

// tryWhileUp asks the node, unless that becomes in vain before it has answered, as
// when it goes down. With errSilent there is an answer.
func (u *upgrade) tryWhileUp(n *balancer.Node) (*answer, error) {
	ctx, over := u.waitFor(n)
	defer over()
	a, err := u.tryPaced(ctx, n)
	if err != nil && a == nil && ctx.Err() != nil {
		return nil, fmt.Errorf("node %s: %w", n.Name(), context.Cause(ctx))
	}
	return a, err
}

// tryPaced asks the node, as soon as that may get another upgrade.
func (u *upgrade) tryPaced(ctx context.Context, n *balancer.Node) (*answer, error) {
	if err := u.h.govern.wait(ctx, u.by, n, u.options.Limits); err != nil {
		return nil, fmt.Errorf("node %s: %w: %w", n.Name(), errBusy, err)
	}
	asked := time.Now()
	a, err := u.ask(ctx, n)
	if !isA[*dialError](err) && !errors.Is(err, errSilent) && !u.hasGone() {
		u.h.govern.answered(n, time.Since(asked))
		u.h.noteUnanswered(n, err)
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
