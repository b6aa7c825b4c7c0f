package session

import (
	"fmt"

	"fermata/internal/pusher"
)

// questions are the subscriptions that one node is asked for in a move, and its
// answers. A node answers in the order in which it was asked.
type questions struct {
	marker   string   // the channel of the marker, one of those
	channels []string // in the order in which the node is asked
	answers  int
	lists    map[string]members // by presence channel
	cached   string             // the cache channel that says its last event next
	marked   bool
	err      error // the first
}

// Answered is whether all answers have come, and none was a refusal.
func (q *questions) Answered() bool { return q.Clean() && q.err == nil }

// Clean is whether all answers have come, so that nothing but the marker can still
// come because of the move.
func (q *questions) Clean() bool { return q.answers == len(q.channels) && q.cached == "" }

// Marked is whether the marker has come. What the node sends after it, or has
// sent before it, is what the other node sends, too.
func (q *questions) Marked() bool { return q.marked }

// Err is why the move cannot succeed, or nil.
func (q *questions) Err() error { return q.err }

// take takes a message of the node, and says whether it is one because of the
// move.
func (q *questions) take(text []byte) (ours bool) {
	m, cached := readMessage(text), q.cached
	q.cached = ""
	switch {
	case cached != "" && m.channel == cached:
	case q.isAnswer(m):
		q.answer(m)
	case m.channel == q.marker:
		q.mark(m)
	default:
		q.follow(m)
		return false
	}
	return true
}

// isAnswer is whether the message is the next answer. The old node may be
// answering the client yet, which is over when it answers for the marker.
func (q *questions) isAnswer(m message) bool {
	if q.answers == len(q.channels) || m.event != pusher.EventSubscribed && m.event != pusher.EventError {
		return false
	}
	return m.channel == q.marker || q.answers > 0 || q.channels[0] != q.marker
}

func (q *questions) answer(m message) {
	channel := q.channels[q.answers]
	q.answers++
	switch {
	case m.event == pusher.EventError:
		q.fail(fmt.Errorf("the node refuses a subscription: %w", m.complaint()))
	case m.channel != channel:
		q.fail(fmt.Errorf("got the node's answer for channel %.64q, want that for %.64q", m.channel, channel))
	default:
		q.list(channel, m.data)
		if pusher.IsCached(channel) {
			q.cached = channel
		}
	}
}

// list takes the members of a presence channel from an answer.
func (q *questions) list(channel string, data field) {
	if !pusher.IsPresence(channel) {
		return
	}
	list, err := readMembers(data)
	if err != nil {
		q.fail(fmt.Errorf("got no list of members for channel %.64q: %w", channel, err))
	}
	q.lists[channel] = list
}

// mark takes the marker. What else is sent to its channel is a stranger's.
func (q *questions) mark(m message) {
	if m.event != eventMarker || q.marked {
		return
	}
	q.marked = true
	if !q.Answered() {
		q.fail(fmt.Errorf("got the marker after %d answers, want it after %d", q.answers, len(q.channels)))
	}
}

// follow keeps the lists right until the marker.
func (q *questions) follow(m message) {
	if list := q.lists[m.channel]; list != nil && !q.marked {
		list.change(m)
	}
}

func (q *questions) fail(err error) {
	if q.err == nil {
		q.err = err
	}
}
