package proxy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"go.uber.org/zap"

	"fermata/balancer"
	"fermata/internal/pusher"
)

// errOverQuota is a node that has accepted a client and then says that it has
// no place for it. pusher-js would take that for good; another node may have
// a place.
var errOverQuota = errors.New("over quota (pusher:error 4004)")

// errSilent is a node that says nothing in time after its 101. Reverb greets its
// clients, but other servers wait for theirs.
var errSilent = errors.New("nothing came after the 101")

// greets is whether the node speaks first on this path, as Reverb does on those
// of its apps, and has to be waited for.
func (o *Options) greets(path string) bool {
	return o.AwaitGreeting && appKey(path, o.PathPrefix) != ""
}

// checkGreeting reads the first frame after a 101, without taking it: with
// Reverb the 101 alone does not mean accepted. It errors on a node that ends
// there, on one that says nothing, and on one that is over quota; what else it
// says is for the client.
func (a *answer) checkGreeting() error {
	payload, err := a.peekFrame()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) && a.rest.Buffered() == 0:
		return fmt.Errorf("%w: %w", errSilent, err)
	case err != nil:
		return fmt.Errorf("no greeting after the 101: %w", err)
	case overQuota(payload):
		return errOverQuota
	}
	a.greeted = bytes.Contains(payload, []byte(pusher.EventEstablished))
	return nil
}

// orSilence lets the client in by a node that says nothing when the one before
// said nothing either, or there is none left to ask. To be turned away would be
// worse, and with such nodes it would go on for ever.
func (h *Handler) orSilence(a *answer, silent error, n *balancer.Node, tried []*balancer.Node, last error) (*answer, error) {
	untried := func(other *balancer.Node) bool { return !slices.Contains(tried, other) }
	if errors.Is(last, errSilent) || !slices.ContainsFunc(h.pool.UsableBeside(n), untried) {
		return a, nil
	}
	a.conn.Close()
	return nil, silent
}

// noteSilent says once a minute at the most why clients have to wait.
func (h *Handler) noteSilent(n *balancer.Node, c *client) {
	if count := h.silent.add(time.Now(), time.Minute); count > 0 {
		h.log.Warn("a node says nothing after its 101", zap.String("node", n.Name()), zap.Int("count", count), c.requestField(), zap.String("path", c.path.Value()),
			zap.String("reason", "clients of /app/KEY wait for a greeting, up to timeouts.answer; where nodes send none, set await_greeting: false"))
	}
}

// peekFrame is the payload of the first frame, as far as it fits the buffer:
// a greeting does.
func (a *answer) peekFrame() ([]byte, error) {
	head, err := a.rest.Peek(2)
	if err != nil {
		return nil, err
	}
	length, start := int(head[1]&0x7f), 2
	if length > 125 {
		if head, err = a.rest.Peek(4); err != nil {
			return nil, err
		}
		length, start = int(binary.BigEndian.Uint16(head[2:])), 4
	}
	frame, err := a.rest.Peek(min(start+length, a.rest.Size()))
	if err != nil {
		return nil, err
	}
	return frame[start:], nil
}

// overQuota is whether a node's greeting is that it has no place.
func overQuota(greeting []byte) bool {
	e := complaint(greeting)
	return e != nil && e.Code == pusher.CodeOverQuota
}
