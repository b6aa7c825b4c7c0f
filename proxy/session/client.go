package session

import "fermata/internal/pusher"

// FromClient is shown each message of the client and returns what its node gets
// instead; nil: the same. A valid signature is one for the socket id that the
// client was told. When its node knows it by another, the message is signed
// again, and nothing else of it changes.
func (s *Session) FromClient(text []byte) (instead []byte) {
	if !mayAsk(text) {
		return nil
	}
	r, err := readRequest(text)
	if err != nil {
		s.lose(unreadable)
		return nil
	}
	switch r.event {
	case pusher.EventSubscribe:
		return s.asked(text, r)
	case pusher.EventUnsubscribe:
		s.drop(r.channel)
	}
	return nil
}

// asked follows a pusher:subscribe. The node refuses one that is not signed.
func (s *Session) asked(text []byte, r request) (instead []byte) {
	switch {
	case !pusher.IsSigned(r.channel):
	case pusher.VerifySubscription(s.app.Secret, r.auth, s.told, r.channel, r.data):
		if s.Present() != s.told {
			instead = r.signed.replace(text, pusher.SignSubscription(s.app.Key, s.app.Secret, s.Present(), r.channel, r.data))
		}
	case !pusher.VerifySubscription(s.app.Secret, r.auth, s.Present(), r.channel, r.data):
		return nil
	}
	s.keep(r.channel, r.data)
	return instead
}

// keep remembers what the client is subscribed to. A second subscription to a
// channel replaces the first.
func (s *Session) keep(channel, data string) {
	if s.lost != followed || !s.believe(channel, data) {
		return
	}
	s.drop(channel)
	s.room--
	s.bytes -= int32(len(channel) + len(data))
	switch {
	case s.room < 0:
		s.lose(tooMany)
	case s.bytes < 0:
		s.lose(tooMuch)
	default:
		s.subscriptions = s.subscriptions.add(subscription{channel, data})
		s.counts.add(channel, 1)
	}
}

// believe is whether the node keeps this, too, now that the signature is right.
func (s *Session) believe(channel, data string) bool {
	if data != "" && !readable([]byte(data)) {
		s.lose(unreadable)
		return false
	}
	if pusher.IsPresence(channel) && userID(data) == "" {
		s.lose(nobody)
		return false
	}
	return true
}

func (s *Session) drop(channel string) {
	e, ok := s.subscriptions.find(channel)
	if !ok {
		return
	}
	s.counts.add(channel, -1)
	s.room++
	s.bytes += int32(e.size())
	s.subscriptions = s.subscriptions.drop(e)
}
