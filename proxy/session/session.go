// Package session knows what a client of Reverb has on its node: a socket id and
// subscriptions. From these the session can be created again on another node,
// while the client's socket stays. The package does no I/O and starts no
// goroutine: it reads messages, and says which ones to send.
//
// A move goes in this order. Session.Leave takes a snapshot and asks the old
// node, Leaving.Arrive and its messages ask the new one. When both have answered,
// one event (Marker) is published through the old node. As every node delivers
// all events in one order, it stands at the same place in the output of both: the
// client gets what the old node sends before it, the Difference of the members,
// and what the new node sends after it. Together that is everything, once.
package session

import (
	"cmp"
	"errors"
	"iter"

	"fermata/internal/pusher"
)

// Options bound what a session may remember. A client decides how much that is.
type Options struct {
	MaxSubscriptions int // 0: 1000
	MaxBytes         int // of the names of its channels and of channel_data; 0: 64 for each subscription, but 64 KiB at least

	Counts *Counts // of all sessions that it is one of, until End; nil: nobody counts
}

const (
	defaultSubscriptions = 1000
	minDefaultBytes      = 64 << 10
)

// Session is one client of an app. All its methods are for one goroutine.
type Session struct {
	app           *App
	told          string
	elsewhere     *string // the id that its node knows; nil: the one that it was told
	subscriptions list
	counts        *Counts
	room          int32 // how many more subscriptions
	bytes         int32 // and how much more text it may have
	lost          loss
}

// New returns the session of a client that was told the socket id in its node's
// greeting, and has no subscription yet.
func New(app *App, told string, o Options) *Session {
	subscriptions := cmp.Or(o.MaxSubscriptions, defaultSubscriptions)
	bytes := cmp.Or(o.MaxBytes, max(64*subscriptions, minDefaultBytes))
	return &Session{app: app, told: told, room: int32(subscriptions), bytes: int32(bytes), counts: o.Counts}
}

// App is the client's.
func (s *Session) App() *App { return s.app }

// Told is the socket id that the client and its application know.
func (s *Session) Told() string { return s.told }

// Present is the socket id that the client's node knows.
func (s *Session) Present() string {
	if s.elsewhere != nil {
		return *s.elsewhere
	}
	return s.told
}

// loss is why a session cannot be moved.
type loss uint8

const (
	followed loss = iota
	missed
	unreadable
	tooMany
	tooMuch
	nobody
	earlier
	ended
)

var reasons = [...]error{
	missed:     errors.New("a message of the client was in fragments, binary or too large"),
	unreadable: errors.New("a message of the client can be read in more than one way"),
	tooMany:    errors.New("the client has too many subscriptions"),
	tooMuch:    errors.New("the client's subscriptions have too much text"),
	nobody:     errors.New("the client is on a presence channel without a user_id"),
	earlier:    errors.New("it could not be followed before Fermata was replaced"),
	ended:      errors.New("the client has gone"),
}

// Movable is nil, or why the session cannot be moved, now and later.
func (s *Session) Movable() error { return reasons[s.lost] }

// Missed tells that the client has sent what FromClient was not shown.
func (s *Session) Missed() { s.lose(missed) }

// End is for a client that has gone: its subscriptions count no more.
func (s *Session) End() { s.lose(ended) }

// lose ends the following of a session. What it has is not what its node has, so
// that it can be forgotten.
func (s *Session) lose(why loss) {
	if s.lost != followed {
		return
	}
	for each := range s.subscriptions.all() {
		s.counts.add(each.channel, -1)
	}
	s.lost, s.subscriptions = why, nil
}

// Again returns what a node gets after the one that the client had was lost:
// everything that the client is subscribed to. The client gets the answers. id is
// the socket id in the new node's greeting.
func (s *Session) Again(id string) (toNode [][]byte) {
	return s.app.subscribe(s.subscriptions.all(), id)
}

// Arrived tells that the session is on another node from now on, with that id.
func (s *Session) Arrived(id string) { s.elsewhere = &id }

// subscribe asks for every subscription, signed for id.
func (a *App) subscribe(subscriptions iter.Seq[subscription], id string) (toNode [][]byte) {
	for s := range subscriptions {
		toNode = append(toNode, a.ask(s, id))
	}
	return toNode
}

func (a *App) ask(s subscription, id string) []byte {
	m := pusher.Subscription{Channel: s.channel, ChannelData: s.data}
	if pusher.IsSigned(m.Channel) {
		m.Auth = pusher.SignSubscription(a.Key, a.Secret, id, m.Channel, m.ChannelData)
	}
	return m.Subscribe()
}
