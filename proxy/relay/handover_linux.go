package relay

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// meanwhile is what somebody wants of a relay that is detached; the shard's
// goroutine's.
type meanwhile struct {
	wish *Close // the first; nil: none
	cut  bool
}

// Detach implements Relay.
func (c *epollRelay) Detach(done func(*Detached, error)) {
	if err := c.shard.surely(func() { c.detach(done) }); err != nil {
		done(nil, err)
	}
}

func (c *epollRelay) detach(done func(*Detached, error)) {
	defer c.survive()
	if err := c.undetachable(); err != nil {
		done(nil, err)
		return
	}
	c.shard.detach(c)
	d := c.detached(new(meanwhile))
	d.state = c.state()
	done(d, nil)
}

// undetachable is why the relay cannot be handed over now; nil: it is at rest.
func (c *epollRelay) undetachable() error {
	if err := c.unmovable(); err != nil {
		return err
	}
	switch {
	case c.client.secure != nil, c.node.secure != nil:
		return errOverTLS
	case c.heldBy != 0:
		return errHeld
	case c.hears() != nil:
		return errMoving
	case max(len(c.client.out), len(c.node.out)) > maxHandedOver:
		return errQueue
	}
	return nil
}

// detach takes a relay out of what is polled. Its descriptors must be taken out as
// such: to close them would leave them there as long as another process has copies.
func (s *shard) detach(c *epollRelay) {
	_ = s.watch(&c.client, c.handle.of(kindClient), 0)
	_ = s.watch(&c.node, c.handle.of(kindNode), 0)
	s.relays.remove(c.handle)
}

// detached has the relay be what the shard does not run.
func (c *epollRelay) detached(m *meanwhile) *Detached {
	c.shard.detached[c] = m
	return c.newDetached(m)
}

func (c *epollRelay) newDetached(m *meanwhile) *Detached {
	return &Detached{
		relay: c, owner: c.owner, client: int(c.client.fd), node: int(c.node.fd),
		gone:   func() { c.shard.post(func() { c.gone(m) }) },
		resume: func() { c.shard.post(func() { c.comeBack(m) }) },
	}
}

// gone is told that another process has the relay.
func (c *epollRelay) gone(m *meanwhile) {
	if c.shard.detached[c] != m {
		return
	}
	c.ended = true
	c.client.cut()
	c.node.cut()
	c.shard.remove(c)
}

// comeBack has the shard run the relay again, or for the first time.
func (c *epollRelay) comeBack(m *meanwhile) {
	defer c.survive()
	if c.shard.detached[c] != m {
		return
	}
	delete(c.shard.detached, c)
	c.handle, c.wakes = c.shard.relays.add(c), 0
	switch {
	case m.cut:
		c.cut(ByShutdown, errCut)
	case m.wish != nil:
		c.want(*m.wish, nil)
	}
	c.proceed()
}

// isDetached is whether the shard does not run the relay.
func (c *epollRelay) isDetached() bool { return c.shard.detached[c] != nil }

// remove takes a relay out of the shard, both of whose legs are closed.
func (s *shard) remove(c *epollRelay) {
	if c.isDetached() {
		delete(s.detached, c)
	} else {
		s.relays.remove(c.handle)
	}
	s.leave()
}

// cut ends all relays, those that are detached once they are back.
func (s *shard) cut() {
	s.relays.each((*epollRelay).cutOff)
	for _, m := range s.detached {
		m.cut = true
	}
}

// wishLater has a detached relay closed once it is back.
func (m *meanwhile) wishLater(wish Close) {
	if m.wish == nil {
		m.wish = &wish
	}
}

// Attach implements Engine.
func (e *Epoll) Attach(client, node int, state []byte, p Pair) (*Detached, error) {
	d, err := e.attach(client, node, state, p)
	if err != nil {
		return nil, errors.Join(err, closeBoth(client, node))
	}
	return d, nil
}

func (e *Epoll) attach(client, node int, state []byte, p Pair) (*Detached, error) {
	if err := cmp.Or(checkSocket(client), checkSocket(node)); err != nil {
		return nil, err
	}
	s := e.nextShard()
	c := newEpollRelay(s, p)
	c.client.fd, c.node.fd = int32(client), int32(node)
	was, err := c.restore(state)
	if err != nil {
		return nil, err
	}
	if err := s.enter(); err != nil {
		return nil, err
	}
	m := new(meanwhile)
	s.post(func() {
		c.restoreTimes(was)
		s.detached[c] = m
	})
	return c.newDetached(m), nil
}

func checkSocket(fd int) error {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err == nil && kind != unix.SOCK_STREAM {
		return fmt.Errorf("relay: got a socket of type %d, want a stream", kind)
	}
	return os.NewSyscallError("getsockopt", err)
}

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
