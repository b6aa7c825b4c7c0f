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
	h.hijacked.Add(1)
	defer h.hijacked.Done()
	conn, early, err := hijack(u.w)
	if err != nil {
		a.conn.Close()
		return
	}
	defer u.closeUnlessJoined(conn, a.conn)
	h.Metrics.Connected(time.Since(c.live.Since))
	c.handler = h
	pair := relay.Pair{
		Client:   conn,
		Node:     a.conn,
		Head:     a.head(h.pinCookie(u.r, c)),
		ToNode:   early,
		ToClient: a.early(),
		Options:  relayOptions(c.options),
		Owner:    c,
	}
	c.tally, c.app = h.tallies.enter(c.pick.Node.Name(), a.app(u.r.URL.Path, c.options.PathPrefix))
	pair.Counts = &c.tally.traffic
	c.live.Node = c.pick.Node
	c.live.Relay = h.Engine.Start(pair)
	h.Moves.Add(&c.live)
}

// closeUnlessJoined closes what net/http has given away and no relay has taken:
// there was a panic.
func (u *upgrade) closeUnlessJoined(client, node net.Conn) {
	if u.live.Relay == nil {
		client.Close()
		node.Close()
		u.h.tallies.leave(u.client)
		u.h.open.Left()
	}
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

func relayOptions(o *Options) relay.Options {
	return relay.Options{
		Stall:      o.Timeouts.Stall,
		Close:      o.Timeouts.Close,
		Idle:       o.Limits.MaxSilence,
		MaxMessage: o.Limits.MaxMessageBytes,
		Ping:       o.Keepalive.Ping,
	}
}
