package proxy

import (
	"net"
	"net/http"
	"time"

	"fermata/proxy/relay"
)

// join answers the client with the node's 101 and hands both connections to the
// relay.
func (u *upgrade) join(a *answer) {
	h, c := u.h, u.client
	early, err := u.hijack()
	if err != nil {
		return
	}
	h.metrics.Connected(time.Since(c.live.Since))
	noteStatus(spanOf(u.r.Context()), a.StatusCode)
	hasSession := u.session != nil && u.session.begin(a, c.options.appOf(u.r.URL.Path))
	pair := relay.Pair{
		Client:   u.conn,
		Node:     a.conn,
		Head:     a.appendHead(u.head[:0], h.pinCookie(u.r, c)), // the node has had what was there
		ToNode:   early,
		ToClient: a.early(),
		Options:  relayOptions(c.options),
		Owner:    c,
	}
	c.tally, c.app = h.tallies.enter(c.pick.Node.Name(), a.app(u.r.URL.Path, c.options.PathPrefix))
	c.stay.enter(inTally)
	pair.Counts = &c.tally.traffic
	c.live.Node = c.pick.Node
	c.stay.enter(inMoves) // before its end can come
	if hasSession {
		u.session.start(pair)
	} else {
		c.live.Relay = h.engine.Start(pair)
	}
	h.moves.Add(&c.live)
	u.taken = true
}

// hijack takes the connection from net/http, with what the client has sent
// ahead of its 101.
func (u *upgrade) hijack() (early []byte, err error) {
	u.h.hijacked.Add(1)
	u.stay.enter(asHijacked)
	conn, rw, err := http.NewResponseController(u.w).Hijack()
	if err != nil {
		return nil, err
	}
	early = make([]byte, rw.Reader.Buffered())
	rw.Read(early)
	if b, ok := conn.(interface{ begin() (net.Conn, []byte) }); ok {
		var unread []byte
		conn, unread = b.begin()
		early = append(early, unread...)
	}
	u.conn = conn
	u.stay.enter(asOpen)
	return early, nil
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
