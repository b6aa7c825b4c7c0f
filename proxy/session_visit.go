package proxy

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"fermata/balancer"
	"fermata/proxy/moves"
	"fermata/proxy/session"
)

// reasonMoved is for a session that another node could not keep.
const reasonMoved balancer.Reason = "moved"

// visit is a session's way to another node, up to where the relay gets the
// connection.
type visit struct {
	*upgrade // whose pick counts it there
	conversation
	id   string // that the node has given it
	done func() bool

	failed error // why the node cannot take the session; nil: it can
}

// visit asks nodes but these for a place, as the client itself has done.
func (s *sessionClient) visit(ctx context.Context, not ...*balancer.Node) (*visit, error) {
	h := s.handler
	c := &client{ip: s.ip, secure: s.secure, host: s.host, path: s.path, request: s.request, options: h.options.Load()}
	c.live.Since = time.Now()
	r := s.again().WithContext(ctx)
	h.tracer.Inject(ctx, r.Header)
	v := &visit{upgrade: &upgrade{client: c, h: h, r: r, head: upgradeHead(r, c), reason: reasonMoved}}
	c.handler = h
	for unwelcome := error(nil); ; {
		a, err := v.findNode(not...)
		if err != nil {
			v.end()
			return nil, failed(moves.NoNode, cmp.Or(unwelcome, err))
		}
		if unwelcome = v.enter(ctx, a); unwelcome == nil {
			return v, nil
		}
		not = append(not, v.pick.Node)
		v.giveBack()
	}
}

// enter begins to talk with a node. An error is that it takes no session.
func (v *visit) enter(ctx context.Context, a *answer) (err error) {
	v.conversation = conversation{conn: a.conn, in: a.rest, most: v.options.Session.MaxHeldBytes}
	v.done = v.within(ctx)
	v.id, err = v.greeted(a)
	return err
}

// giveBack gives the place back for one at another node.
func (v *visit) giveBack() {
	v.done()
	v.closeBoth()
	v.leave(atNode)
}

// greeted takes the node's greeting, and is the socket id in it.
func (v *visit) greeted(a *answer) (id string, err error) {
	if a.StatusCode != http.StatusSwitchingProtocols {
		return "", fmt.Errorf("node %s: answered %d", v.pick.Node.Name(), a.StatusCode)
	}
	if id, err = a.socketID(); err != nil {
		return "", fmt.Errorf("node %s: %w", v.pick.Node.Name(), err)
	}
	a.bounded.N = math.MaxInt64
	_, err = v.hear()
	return id, err
}

// abandon gives the place back, unless the relay has it.
func (v *visit) abandon() {
	v.done()
	v.end()
}

// settled is the place, of which the caller is in charge from now on.
func (v *visit) settled() balancer.Pick {
	v.stay.exit(atNode)
	return v.pick
}

// subscribe subscribes to all that the session has.
func (v *visit) subscribe(a *session.Arriving) error {
	if err := v.say(a.Messages()); err != nil {
		return v.fail(err)
	}
	return v.listen(a, a.Answered)
}

// fail is why this node cannot take the session, though another one may.
func (v *visit) fail(err error) error {
	v.failed = fmt.Errorf("node %s: %w", v.pick.Node.Name(), err)
	return v.failed
}

// listen shows the node's messages until something is so.
func (v *visit) listen(to *session.Arriving, until func() bool) error {
	for !until() {
		text, err := v.hear()
		if err != nil {
			return v.fail(err)
		}
		if err := to.FromNode(text); err != nil {
			return failed(moves.Refused, v.fail(err))
		}
	}
	return nil
}

var errLate = errors.New("the move took too long")

// handOver makes the connection ready for the relay.
func (v *visit) handOver() error {
	if !v.done() {
		return failed(moves.Timeout, errLate)
	}
	return v.node.SetDeadline(time.Time{})
}

// newKey is a Sec-WebSocket-Key.
func newKey() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return base64.StdEncoding.EncodeToString(b[:])
}
