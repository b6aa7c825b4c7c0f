package session

import (
	"slices"

	"fermata/internal/pusher"
)

// Arriving is the new node's side of a move. All its methods are for one
// goroutine, which may be another than that of the session.
type Arriving struct {
	questions
	app           *App
	id            string
	subscriptions []subscription
}

// Arrive begins the new node's side. id is the socket id in its greeting. It only
// reads what no method of Leaving changes.
func (l *Leaving) Arrive(id string) *Arriving {
	a := &Arriving{app: l.app, id: id, subscriptions: l.subscriptions}
	a.questions = questions{marker: l.marker, lists: make(map[string]members)}
	for _, s := range l.subscriptions {
		a.channels = append(a.channels, s.channel)
	}
	a.channels = append(a.channels, l.marker)
	return a
}

// Messages are for the new node: they ask for all that the client is subscribed
// to, signed for its new id, and then for the marker's channel.
func (a *Arriving) Messages() [][]byte {
	return append(a.app.subscribe(slices.Values(a.subscriptions), a.id), pusher.Subscription{Channel: a.marker}.Subscribe())
}

// FromNode is shown each message of the new node up to its marker. The client
// gets none of them: the old node sends the same. An error is why the move cannot
// succeed.
func (a *Arriving) FromNode(text []byte) error {
	a.take(text)
	return a.err
}

// Settle returns what the new node gets when the client is there.
func (a *Arriving) Settle() [][]byte { return [][]byte{pusher.Unsubscribe(a.marker)} }

// Difference is what the client gets between the two markers: its presence
// channels have other members on the new node. Both sides must be Marked.
func Difference(l *Leaving, a *Arriving) (toClient [][]byte) {
	for _, s := range l.presence() {
		channel := s.channel
		toClient = append(toClient, l.lists[channel].differ(a.lists[channel], channel, userID(s.data))...)
	}
	return toClient
}
