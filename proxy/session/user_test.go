package session

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fermata/internal/pusher"
)

// user is a client with a session, and the relay between it and its node.
type user struct {
	name    string // on presence channels
	session *Session
	conn    *conn // to its node
	move    *transfer
	undone  *Leaving // a move that was given up, until its last answer; nil: none
	held    []wish

	wanted  []string // the channels that it has asked for and not left
	seen    []string // all but the members that come and go
	members map[string]map[string]bool
	model   *model
	faults  []string
}

// transfer is a move under way.
type transfer struct {
	channel   string
	to        *conn
	leaving   *Leaving
	arriving  *Arriving
	published bool
}

func newUser(b *bus, n *reverb, name string) *user {
	u := &user{name: name, members: make(map[string]map[string]bool)}
	u.conn = n.connect(u)
	u.session = New(testApp, u.conn.id, Options{})
	u.model = &model{bus: b, of: u, subscribed: make(map[string]bool), at: n.at}
	return u
}

func (u *user) fault(format string, args ...any) {
	u.faults = append(u.faults, fmt.Sprintf("%s: %s", u.session.Told(), fmt.Sprintf(format, args...)))
}

// data is the user's channel_data.
func (u *user) data(channel string) string {
	if !pusher.IsPresence(channel) {
		return ""
	}
	return dataOf(u.name)
}

func dataOf(name string) string {
	return fmt.Sprintf(`{"user_id":%s,"user_info":{"of":"%s"}}`, idIn(name), name)
}

func (u *user) text(w wish, n int) []byte {
	switch w.verb {
	case "subscribe":
		id := u.session.Told()
		if !w.valid {
			id = "somebody's"
		}
		return subscribeAs(id, w.channel, u.data(w.channel))
	case "whisper":
		return fmt.Appendf(nil, `{"event":"client-%d","channel":%q,"data":{"of":%q}}`, n, w.channel, u.session.Told())
	case "unsubscribe":
		return fmt.Appendf(nil, `{"event":"pusher:unsubscribe","data":{"channel":%q}}`, w.channel)
	}
	return []byte(`{"event":"pusher:ping","data":{}}`)
}

// ask sends a message to the relay, which does not read it during a move.
func (u *user) ask(w wish) {
	if u.move != nil {
		u.held = append(u.held, w)
		return
	}
	u.note(w)
	text := u.text(w, len(*u.model.bus))
	if instead := u.session.FromClient(text); instead != nil {
		text = instead
	}
	u.send(string(text), w)
}

// note keeps what the client wants.
func (u *user) note(w wish) {
	if w.verb == "unsubscribe" || w.verb == "subscribe" && w.valid {
		u.wanted = slices.DeleteFunc(u.wanted, func(c string) bool { return c == w.channel })
	}
	if w.verb == "subscribe" && w.valid {
		u.wanted = append(u.wanted, w.channel)
	}
}

func (u *user) send(text string, w wish) {
	c := u.conn
	c.in = append(c.in, inbound{text, func(answers []outbound) {
		if err := u.model.processed(w, c.node.at, answers); err != nil {
			u.fault("%v", err)
		}
	}})
}

// release lets the client be read again.
func (u *user) release() {
	held := u.held
	u.move, u.held = nil, nil
	for _, w := range held {
		u.ask(w)
	}
}

// begin begins a move.
func (u *user) begin(to *reverb, channel string) {
	m := &transfer{channel: channel, to: to.connect(u), leaving: u.session.Leave(channel)}
	m.arriving = m.leaving.Arrive(m.to.id)
	u.conn.say(m.leaving.Messages())
	m.to.say(m.arriving.Messages())
	u.move = m
}

// relayOld takes a message of the client's node, or of its old one.
func (u *user) relayOld() bool {
	if len(u.conn.out) == 0 || u.move != nil && u.move.leaving.Marked() {
		return false
	}
	next := u.conn.out[0]
	u.conn.out = u.conn.out[1:]
	if u.passes(next.text) {
		u.hear(next)
	}
	return true
}

// passes is whether the client gets a message of its node.
func (u *user) passes(text string) bool {
	switch {
	case u.move != nil:
		return u.move.leaving.FromNode([]byte(text))
	case u.undone == nil:
		return true
	}
	pass := u.undone.FromNode([]byte(text))
	if u.undone.Over() {
		u.undone = nil
	}
	return pass
}

// relayNew takes a message of its new node.
func (u *user) relayNew() bool {
	if u.move == nil || len(u.move.to.out) == 0 || u.move.arriving.Marked() {
		return false
	}
	next := u.move.to.out[0]
	u.move.to.out = u.move.to.out[1:]
	if err := u.move.arriving.FromNode([]byte(next.text)); err != nil {
		u.fault("%s: %v", next.text, err)
	}
	return true
}

// goOn takes the next step of a move.
func (u *user) goOn(b *bus) bool {
	switch m := u.move; {
	case m == nil:
		return false
	case !m.published && m.leaving.Answered() && m.arriving.Answered():
		m.published = true
		*b = append(*b, occurrence{channel: m.channel, text: markerText(m.channel)})
		return true
	case m.leaving.Marked() && m.arriving.Marked():
		u.arrive()
		return true
	}
	return false
}

func markerText(channel string) string {
	var body struct {
		Name, Data string
		Channels   []string
	}
	json.Unmarshal(Marker(channel), &body)
	return fmt.Sprintf(`{"event":%q,"data":%q,"channel":%q}`, body.Name, body.Data, body.Channels[0])
}

// giveUp ends a move that has not succeeded, and goes on with the old node.
func (u *user) giveUp() {
	m := u.move
	m.to.in = append(m.to.in, inbound{})
	u.conn.say(GiveUp(m.channel))
	m.leaving.GivenUp()
	u.undone = m.leaving
	u.release()
}

func (u *user) arrive() {
	m := u.move
	told := make(map[string]bool)
	for _, text := range Difference(m.leaving, m.arriving) {
		s := heard(string(text))
		if about := s.Channel + nameIn(s.data()); told[about] {
			u.fault("got told twice of %s", about)
		} else {
			told[about] = true
		}
		u.hear(outbound{text: string(text)})
	}
	u.conn.in = append(u.conn.in, inbound{}) // it ends
	u.conn = m.to
	u.conn.say(m.arriving.Settle())
	u.session.Arrived(m.to.id)
	u.release()
}

// lose is told that the node has ended. What it had sent is read.
func (u *user) lose(to *reverb) {
	for u.relayOld() {
	}
	if m := u.move; m != nil && m.leaving.Marked() {
		return // it is not needed any more
	} else if m != nil {
		m.to.in = append(m.to.in, inbound{})
	}
	u.undone = nil
	u.model.lose(u.conn.node.at)
	u.conn = to.connect(u)
	for i, text := range u.session.Again(u.conn.id) {
		w := wish{"subscribe", "", true}
		if i < len(u.wanted) {
			w.channel = u.wanted[i]
		}
		u.send(string(text), w)
	}
	if len(u.conn.in) != len(u.wanted) {
		u.fault("got %d subscriptions anew, want %q", len(u.conn.in), u.wanted)
	}
	u.session.Arrived(u.conn.id)
	u.release()
}

// hear is what the client does with a message, as pusher-js does it.
func (u *user) hear(o outbound) {
	s := heard(o.text)
	if strings.Contains(o.text, "fermata") {
		u.fault("got %s of the machinery", o.text)
	}
	known := u.members[s.Channel]
	switch {
	case o.cached:
	case s.Event == "pusher_internal:member_added":
		if name := nameIn(s.data()); known[name] {
			u.fault("%s is added, but was there", name)
		} else if known != nil {
			known[name] = true
		}
		return
	case s.Event == "pusher_internal:member_removed":
		if name := nameIn(s.data()); !known[name] || name == u.name {
			u.fault("%s is removed, but was not there or is the client", name)
		} else {
			delete(known, name)
		}
		return
	case s.Event == "pusher_internal:subscription_succeeded" && pusher.IsPresence(s.Channel):
		u.members[s.Channel] = listed(s.data())
	}
	u.seen = append(u.seen, o.text)
}

func listed(data string) map[string]bool {
	var list struct {
		Presence struct{ Hash map[string]any }
	}
	if err := json.Unmarshal([]byte(data), &list); err != nil {
		panic(data)
	}
	names := make(map[string]bool)
	for name := range list.Presence.Hash {
		names[name] = true
	}
	return names
}

// rests is whether nothing is under way to or from the client's node.
func (u *user) rests() bool {
	return u.move == nil && u.undone == nil && len(u.conn.in) == 0 && len(u.conn.out) == 0
}

// check compares the members that a client at rest knows with its node's.
func (u *user) check() {
	for channel := range u.model.subscribed {
		if !pusher.IsPresence(channel) {
			continue
		}
		got, want := slices.Sorted(maps.Keys(u.members[channel])), slices.Sorted(slices.Values(u.conn.node.channels[channel].users()))
		if !slices.Equal(got, want) {
			u.fault("%s: got members %q, want %q", channel, got, want)
		}
	}
	for channel, r := range u.conn.node.channels {
		if strings.Contains(channel, "fermata") && slices.Contains(r.members, u.conn) {
			u.fault("is still subscribed to %s", channel)
		}
	}
	if err := u.session.Movable(); err != nil {
		u.fault("%v", err)
	}
}
