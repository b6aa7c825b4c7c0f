package proxy

import (
	"errors"

	"fermata/proxy/relay"
)

// detached is a client between two processes: neither its client's nor its node's
// bytes are read or written, and nobody moves it. It counts here, until gone.
type detached struct {
	h     *Handler
	of    portable
	relay *relay.Detached
}

// portable is a client that can be handed over, as its relay's owner.
type portable interface {
	relay.Owner
	// pack is all that is known of the client, with the state of its relay.
	pack(relay []byte) ([]byte, error)
	// pair is what its relay gets in this process, which has made that.
	pair() relay.Pair
	relayedBy(relay.Relay)
	// forgotten is told that the client is another process's, and counts nowhere here.
	forgotten()
	// remain is told that the client is this process's. With bound no other can take
	// it over.
	remain(bound bool)
}

func (d *detached) gone() {
	d.relay.Gone()
	d.of.forgotten()
}

func (d *detached) goOn(bound bool) {
	d.relay.Resume()
	d.of.remain(bound)
}

func (c *client) forgotten() { c.leave(everywhere) }

func (c *client) remain(bound bool) {
	if bound {
		c.handler.moves.Bind(&c.live)
	} else {
		c.handler.moves.Add(&c.live)
	}
}

// errTurn is that somebody moves the session, or makes it anew.
var errTurn = errors.New("the session is being moved")

// Detach implements relay.Relay. A client that is detached has the turn.
func (s *sessionClient) Detach(done func(*relay.Detached, error)) {
	if !s.turn.TryLock() {
		done(nil, errTurn)
		return
	}
	s.Relay.Detach(func(d *relay.Detached, err error) {
		if err != nil {
			s.turn.Unlock()
		}
		done(d, err)
	})
}

func (s *sessionClient) forgotten() {
	s.leaveSession()
	s.client.forgotten()
	s.turn.Unlock()
}

func (s *sessionClient) remain(bound bool) {
	s.turn.Unlock()
	s.client.remain(bound)
}
