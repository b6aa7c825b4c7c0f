package proxy

import (
	"time"

	"go.uber.org/zap"

	"fermata/internal/pusher"
	"fermata/proxy/relay"
)

// NodeLost implements relay.Owner.
func (c *client) NodeLost(last string) relay.Close {
	if told, ok := c.refused(complaint(lastPayload([]byte(last)))); ok {
		return told
	}
	return c.handler.lost(c)
}

// Notable implements relay.Owner.
func (c *client) Notable(frames []byte) bool { return complains(frames) }

// Ended implements relay.Owner.
func (c *client) Ended(end relay.End) { c.over(end) }

// over is the end of the client, of which there is more to log.
func (c *client) over(end relay.End, more ...zap.Field) {
	h, now := c.handler, time.Now()
	h.metrics.Closed(c.pick.Node.Name(), string(end.By), now.Sub(c.live.Since))
	c.leave(everywhere) // with a removed node's last client its metrics go too
	if line := h.log.Check(zap.InfoLevel, "client closed"); line != nil {
		line.Write(append(c.line(end, now), more...)...)
	}
}

// lost says what a client is told whose node vanished, and when: thousands
// that come back at once would take the next node down.
func (h *Handler) lost(c *client) relay.Close {
	h.noteLoss(c.pick.Node)
	others := h.pool.UsableBeside(c.pick.Node)
	code := pusher.CodeRetry
	if len(others) > 0 && !c.live.IsYoung(time.Now()) {
		code = pusher.CodeMove
	}
	all := 0
	if len(others) == 0 {
		all = len(h.pool.Nodes())
	}
	hold := h.govern.hold(others, all, h.options.Load().Limits, time.Now())
	return relay.Close{Code: code, Reason: "node lost", By: relay.ByNodeLost, After: hold}
}
