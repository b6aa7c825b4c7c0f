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
	c.shard.pace.makeWay(time.Now())
	if err := c.shard.surely(func() { c.detach(done) }); err != nil {
		done(nil, err)
	}
}

func (c *epollRelay) detach(done func(*Detached, error)) {
	defer c.survive()
	c.shard.woken = true // who waits for done
	if err := c.undetachable(); err != nil {
		done(nil, err)
		return
	}
	m := new(meanwhile)
	c.shard.detach(c, m)
	d := c.newDetached(m)
	d.state = c.state()
	done(d, nil)
}

// undetachable is why the relay cannot be handed over now; nil: it is at rest.
func (c *epollRelay) undetachable() error {
	if c.client.secure != nil || c.node.secure != nil {
		return errOverTLS
	}
	if err := c.unmovable(); err != nil {
		return err
	}
	switch {
	case c.hears() != nil:
		return errMoving
	case max(len(c.client.out), len(c.node.out)) > maxHandedOver:
		return errQueue
	}
	return nil
}

// detach takes a relay out of what is polled. Its descriptors must be taken out as
// such: to close them would leave them there as long as another process has copies.
func (s *shard) detach(c *epollRelay, m *meanwhile) {
	_ = s.watch(&c.client, c.handle.of(kindClient), 0)
	_ = s.watch(&c.node, c.handle.of(kindNode), 0)
	s.relays.remove(c.handle)
	s.detached[c] = m
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
	if client == node {
		return nil, fmt.Errorf("relay: got descriptor %d twice", client)
	}
	s := e.nextShard()
	s.pace.makeWay(time.Now())
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
