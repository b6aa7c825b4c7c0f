package proxy

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unique"

	"go.uber.org/zap"

	"fermata/internal/pusher"
	"fermata/proxy/relay"
	"fermata/proxy/session"
)

// sessionClient is a client of an app that is known: it can be moved to another
// node without being closed. It is its relay's Owner and Tap, and the moves see it
// as its Relay.
type sessionClient struct {
	client
	relay.Relay                       // once it has joined
	target      unique.Handle[string] // path and query, as the client wrote them
	origin      unique.Handle[string] // empty: it has none

	turn  sync.Mutex  // is whose who moves the session
	held  atomic.Bool // the client is, without a node
	ended atomic.Bool

	// All below is the relay's goroutine's, once there is a relay, and of whoever
	// has the turn while the client is held.
	session session.Session
	moved   int32         // how many times
	hasty   int8          // losses in a row soon after it had got its node
	at      time.Duration // when it got its node, after it had come
}

// arrive is told when the relay has its new node.
func (s *sessionClient) arrive(v *visit) {
	s.held.Store(false)
	s.handler.tallies.sessions(s.tally, -1)
	s.resettle(v.settled())
	s.handler.tallies.sessions(s.tally, 1)
	s.session.Arrived(v.id)
	s.moved++
	s.at = time.Since(s.live.Since)
	s.handler.aliases.set(s.session.App().ID, s.session.Told(), v.id, s.pick.Node)
}

// Ended implements relay.Owner.
func (s *sessionClient) Ended(end relay.End) {
	s.leaveSession()
	s.over(end, zap.Int32("moves", s.moved))
}

// enterSession counts the session, and makes its socket ids known.
func (s *sessionClient) enterSession() {
	s.handler.tallies.sessions(s.tally, 1)
	s.handler.aliases.set(s.session.App().ID, s.session.Told(), s.session.Present(), s.pick.Node)
	if s.moved > 0 {
		s.mention()
	}
}

// leaveSession undoes enterSession. Nobody moves the session any more.
func (s *sessionClient) leaveSession() {
	s.ended.Store(true)
	s.handler.tallies.sessions(s.tally, -1)
	s.handler.aliases.forget(s.session.App().ID, s.session.Told(), s.session.Present())
	if s.moved > 0 {
		s.mention()
	}
	s.session.End()
}

// appOf is the known app of a client's path; nil: there is none.
func (o *Options) appOf(path string) *session.App {
	if len(o.Apps) == 0 {
		return nil
	}
	key := appKey(path, o.PathPrefix)
	for i := range o.Apps {
		if o.Apps[i].Key == key {
			return &o.Apps[i]
		}
	}
	return nil
}

// knows is whether the app is still as it was.
func (o *Options) knows(app *session.App) bool { return slices.Contains(o.Apps, *app) }

// mostKept bounds what is kept of a client's request, so that it can be made again.
const mostKept = 512

// clientOf is the client of a request, and a part of s if it can have a session.
func clientOf(r *http.Request, o *Options) (c *client, s *sessionClient) {
	if s = newSessionClient(r, o); s != nil {
		return &s.client, s
	}
	return newClient(r, o), nil
}

// newSessionClient is nil unless the client asks for a WebSocket of an app that is
// known, and in words that can be kept.
func newSessionClient(r *http.Request, o *Options) *sessionClient {
	if o.appOf(r.URL.Path) == nil || !wantsUpgrade(r) {
		return nil
	}
	target, origin := requestTarget(r), r.Header.Get("Origin")
	if len(target) > mostKept || len(origin) > mostKept || cut(r.Host) != r.Host {
		return nil
	}
	s := &sessionClient{target: unique.Make(target), origin: unique.Make(origin)}
	s.fill(r, o)
	return s
}

// begin makes the session of a client that joins by this answer, if it can have
// one: its node has told it a socket id, and compresses nothing.
func (s *sessionClient) begin(a *answer, app *session.App) bool {
	id, err := a.socketID()
	if err != nil || a.Header.Get("Sec-WebSocket-Extensions") != "" {
		return false
	}
	s.session = *session.New(app, id, s.handler.sessionOptions(app, s.options))
	s.at = time.Since(s.live.Since)
	return true
}

func (h *Handler) sessionOptions(app *session.App, o *Options) session.Options {
	return session.Options{MaxSubscriptions: o.Session.MaxSubscriptions, Counts: h.subs.of(app)}
}

// start begins the relay. Its end may come before it is known here.
func (s *sessionClient) start(pair relay.Pair) {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.enterSession()
	pair.Owner = s
	s.Relay = s.handler.engine.Start(pair)
	s.live.Relay = s
}

// socketID is the id that the node has greeted its client with. The greeting
// stays where it is.
func (a *answer) socketID() (string, error) {
	if !a.greeted {
		return "", errNoSocketID // nor has anybody waited for one
	}
	payload, err := a.peekFrame()
	if err != nil {
		return "", err
	}
	m, err := pusher.Parse(payload)
	if err != nil {
		return "", err
	}
	var data struct {
		SocketID string `json:"socket_id"`
	}
	if err := m.Into(&data); err != nil || m.Event != pusher.EventEstablished || data.SocketID == "" {
		return "", errNoSocketID
	}
	return data.SocketID, nil
}

// FromClient implements relay.Tap.
func (s *sessionClient) FromClient(text []byte) (instead []byte) { return s.session.FromClient(text) }

// Missed implements relay.Tap.
func (s *sessionClient) Missed() { s.session.Missed() }

// again is the client's own request, as far as a node looks at it.
func (s *sessionClient) again() *http.Request {
	target := s.target.Value()
	u, err := url.ParseRequestURI(target)
	if err != nil { // net/http has parsed it before
		u = &url.URL{Path: s.path.Value()}
	}
	header := http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {newKey()},
	}
	if origin := s.origin.Value(); origin != "" {
		header.Set("Origin", origin)
	}
	return &http.Request{
		Method: http.MethodGet, URL: u, RequestURI: target, Host: s.host.Value(), Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, RemoteAddr: netip.AddrPortFrom(s.ip, 0).String(),
	}
}
