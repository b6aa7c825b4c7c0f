package relay

import (
	"fmt"
	"time"
)

// state is the relay's, which is at rest.
func (c *epollRelay) state() []byte {
	s := state{
		ToNode: c.toNode.state(), ToClient: c.toClient.state(),
		Client: legState{c.client.out, c.left(c.client.stallBy)}, Node: legState{c.node.out, c.left(c.node.stallBy)},
		Pings:    pingState{Asked: c.pings.asked, Owed: c.pings.owed},
		IdleLeft: c.left(c.idleBy), PingLeft: c.left(c.pingBy),
	}
	if c.pings.owed > 0 {
		s.Pings.Token = c.pingToken()[:]
	}
	if c.rare != nil && c.rare.said.last() != "" {
		s.Said = wordsState{[]byte(c.rare.said.frames), millis(time.Since(c.rare.said.at).Milliseconds())}
	}
	return s.bytes()
}

// left is what is left until a time; 0: there is none.
func (c *epollRelay) left(by ticks) millis {
	if by == 0 {
		return 0
	}
	left := by - min(by-1, c.shard.time())
	return millis(time.Duration(left) * tick / time.Millisecond)
}

// restore makes a new relay what another process has had, but for its times.
func (c *epollRelay) restore(b []byte) (was state, err error) {
	if was, err = readState(b); err != nil {
		return was, err
	}
	if err := was.ToNode.restore(&c.toNode); err != nil {
		return was, fmt.Errorf("to the node: %w", err)
	}
	if err := was.ToClient.restore(&c.toClient); err != nil {
		return was, fmt.Errorf("to the client: %w", err)
	}
	c.client.out, c.node.out = was.Client.Queued, was.Node.Queued
	c.pings.asked, c.pings.owed = was.Pings.Asked, was.Pings.Owed
	if was.Pings.Owed > 0 {
		c.rarely().token = (*token)(was.Pings.Token)
	}
	if said := was.Said; len(said.Frames) > 0 {
		c.rarely().said = &words{string(said.Frames), time.Now().Add(-said.Ago.duration())}
	}
	return was, nil
}

// restoreTimes is restore for what is counted by the shard's clock.
func (c *epollRelay) restoreTimes(was state) {
	by := func(left millis, whole ticks) ticks {
		if whole == 0 {
			return 0
		}
		if left > 0 {
			whole = min(whole, ticks(0).later(left.duration()))
		}
		return c.shard.time() + whole
	}
	c.idleBy, c.pingBy = by(was.IdleLeft, c.idle), by(was.PingLeft, c.ping)
	c.client.stallBy, c.node.stallBy = by(was.Client.StallLeft, c.stall), by(was.Node.StallLeft, c.stall)
}

// pingToken is the payload of pings to the client: as long as it owes pongs to pings
// of the process that had it before, that of those.
func (c *epollRelay) pingToken() *token {
	if c.rare != nil && c.rare.token != nil {
		return c.rare.token
	}
	return &c.shard.token
}

// pongsOver forgets that once it owes none.
func (c *epollRelay) pongsOver() {
	if c.rare != nil && c.pings.owed == 0 {
		c.rare.token = nil
	}
}
