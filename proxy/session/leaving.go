package session

import (
	"slices"

	"fermata/internal/pusher"
)

// Leaving is the old node's side of a move. All its methods are for the goroutine
// of the session, but Arrive.
type Leaving struct {
	questions
	app           *App
	present       string
	subscriptions []subscription // a snapshot
	givenUp, over bool
}

// Leave begins a move when the client is held, so that the session does not
// change until the move is over. channel is where the marker will be published,
// a name from NewChannel. Only a session that is Movable can leave.
func (s *Session) Leave(channel string) *Leaving {
	l := &Leaving{app: s.app, present: s.Present(), subscriptions: slices.Collect(s.subscriptions.all())}
	l.questions = questions{marker: channel, channels: []string{channel}, lists: make(map[string]members)}
	for _, p := range l.presence() {
		l.channels = append(l.channels, p.channel)
	}
	return l
}

// presence are the subscriptions to channels that know their members.
func (l *Leaving) presence() (of []subscription) {
	for _, s := range l.subscriptions {
		if pusher.IsPresence(s.channel) {
			of = append(of, s)
		}
	}
	return of
}

// Messages are for the old node, behind all that the client has sent. It is asked
// for the marker's channel, and once more for each presence channel, because its
// answer is the list of members. It tells nobody of that.
func (l *Leaving) Messages() [][]byte {
	marker := pusher.Subscription{Channel: l.marker}.Subscribe()
	return append([][]byte{marker}, l.app.subscribe(slices.Values(l.presence()), l.present)...)
}

// FromNode is shown each message of the old node, and says whether the client
// gets it: not the answers to Messages, and nothing of the marker's channel.
func (l *Leaving) FromNode(text []byte) (pass bool) {
	if l.givenUp && !l.over && l.Clean() && readMessage(text).event == pusher.EventPong {
		l.over = true
		return false
	}
	return !l.take(text)
}

// GiveUp returns what the old node gets when a move with that marker has failed
// and the client stays. The last of it is a ping, so that the pong comes after all
// that was asked for.
func GiveUp(channel string) (toNode [][]byte) {
	return [][]byte{pusher.Unsubscribe(channel), []byte(`{"event":"` + pusher.EventPing + `","data":{}}`)}
}

// GivenUp tells that the old node gets that. FromNode goes on to be shown its
// messages until Over.
func (l *Leaving) GivenUp() { l.givenUp = true }

// Over is whether the old node has answered all that the move has asked for, after
// it was given up.
func (l *Leaving) Over() bool { return l.over }
