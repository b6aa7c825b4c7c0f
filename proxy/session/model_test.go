package session

import (
	"encoding/json"
	"fmt"
	"strings"

	"fermata/internal/pusher"
)

// model says what a client sees of one node that is never replaced. It is told
// when a message of the client was processed, and where on the bus that was; of
// moves it knows nothing. Members are left out: they are each node's own.
type model struct {
	bus        *bus
	of         *user
	subscribed map[string]bool
	at         int // what follows on the bus is still to come
	seen       []string

	lost  bool // the node is, and what is published is lost, too
	echos int  // before that on the bus: its own events are not known as such any more
}

// wish is what a client asks its node for.
type wish struct {
	verb, channel string
	valid         bool // its signature
}

// reach is told that the client's node has delivered so much of the bus.
func (m *model) reach(at int) {
	if m.lost {
		m.at, m.lost = at, false
	}
	for ; m.at < at; m.at++ {
		if o := (*m.bus)[m.at]; m.subscribed[o.channel] && (o.from != m.of || m.at < m.echos) {
			m.seen = append(m.seen, o.text)
		}
	}
}

// lose is told that the node is lost, having delivered so much.
func (m *model) lose(at int) {
	m.reach(at)
	m.subscribed, m.lost, m.echos = make(map[string]bool), true, len(*m.bus)
}

// processed is told that the node has processed a wish, and what it has answered.
func (m *model) processed(w wish, at int, answers []outbound) error {
	m.reach(at)
	if got, want := events(answers), m.answers(w); got != want {
		return fmt.Errorf("%+v: got answered %q, want %q", w, got, want)
	}
	switch {
	case w.verb == "subscribe" && w.valid:
		m.subscribed[w.channel] = true
	case w.verb == "unsubscribe":
		delete(m.subscribed, w.channel)
	}
	for _, a := range answers {
		m.seen = append(m.seen, a.text)
	}
	return nil
}

// answers are the events that a node has to answer with.
func (m *model) answers(w wish) string {
	switch {
	case w.verb == "subscribe" && !w.valid, w.verb == "whisper" && !m.subscribed[w.channel]:
		return "pusher:error"
	case w.verb == "subscribe" && pusher.IsCached(w.channel):
		return "pusher_internal:subscription_succeeded cached"
	case w.verb == "subscribe":
		return "pusher_internal:subscription_succeeded"
	case w.verb == "ping":
		return "pusher:pong"
	}
	return ""
}

func events(of []outbound) string {
	var names []string
	for _, o := range of {
		if o.cached {
			names = append(names, "cached")
		} else {
			names = append(names, heard(o.text).Event)
		}
	}
	return strings.Join(names, " ")
}

// saying is a node's message as JavaScript reads it.
type saying struct {
	Event, Channel string
	Data           any
}

func heard(text string) (s saying) {
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		panic(text)
	}
	return s
}

// data is the JSON in the data.
func (s saying) data() string { return s.Data.(string) }
