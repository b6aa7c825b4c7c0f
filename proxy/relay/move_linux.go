package relay

import (
	"errors"
	"fmt"
	"os"
)

// move is a move under way, from Relay.Hold on. First a frame of the client that
// has left in part becomes whole; then the client is not read any more. When all
// that was read has left, the move has begun, and the mover hears the node.
type move struct {
	mover    Mover
	maxFrame int
	begun    bool
	last     bool // the mover has heard what it waited for: the node is not read
}

// Hold implements Relay.
func (c *epollRelay) Hold(m Mover, maxFrame int) bool {
	if err := c.shard.surely(func() { c.beginMove(m, maxFrame) }); err != nil {
		m.Aborted(err)
	}
	return true
}

func (c *epollRelay) beginMove(m Mover, maxFrame int) {
	defer c.survive()
	if err := c.unmovable(); err != nil {
		m.Aborted(err)
		return
	}
	c.rarely().move = &move{mover: m, maxFrame: max(maxFrame, bufferSize)}
	c.proceed()
}

var (
	errNoNode = errors.New("the node has ended")
	errMoving = errors.New("the relay is being moved already")
)

// unmovable is why no move can begin; nil: it can.
func (c *epollRelay) unmovable() error {
	switch {
	case c.ended, c.ending.by != "":
		return errEnded
	case c.isDetached():
		return errDetached
	case c.node.over, c.node.refuses:
		return errNoNode
	case c.moving() != nil:
		return errMoving
	}
	return nil
}

// Resume implements Relay.
func (c *epollRelay) Resume(toNode [][]byte) {
	c.shard.post(func() {
		defer c.survive()
		m := c.moving()
		if m == nil {
			return
		}
		c.rare.move = nil
		if m.begun && len(toNode) > 0 {
			c.tellNode(toNode)
			c.rare.hearing.late = append(c.rare.hearing.late, m.mover)
		}
		c.hear()
		c.active()
		c.proceed()
	})
}

// moving is the move under way; nil: there is none.
func (c *epollRelay) moving() *move {
	if c.rare == nil {
		return nil
	}
	return c.rare.move
}

// moveOn does what follows from the state for a move.
func (c *epollRelay) moveOn() {
	switch m := c.rare.move; {
	case m == nil:
	case c.ending.by != "":
		c.abortMove(c.endedBy())
	case !m.begun && !c.toNode.open && c.node.flushed():
		c.startMove(m)
	}
	c.catchUp()
	if c.rare.empty() {
		c.rare = nil
	}
}

// startMove begins a move whose client is not read any more, unless the node has a part
// of a message that the client has still to finish.
func (c *epollRelay) startMove(m *move) {
	if c.toNode.inside {
		c.abortMove(errInsideClient)
		return
	}
	m.begun = true
	c.beginHearing(m.maxFrame)
	c.tellNode(m.mover.Begin())
	c.shard.woken = true
}

// abortMove ends a move that there is no more reason for. What was held back
// passes.
func (c *epollRelay) abortMove(err error) {
	m := c.moving()
	if m == nil {
		return
	}
	c.rare.move = nil
	m.mover.Aborted(err)
	c.shard.woken = true
	c.hear()
}

// abandonMove is for a relay that has ended by a panic, maybe the mover's.
func (c *epollRelay) abandonMove() {
	defer c.survive()
	if c.moving() != nil {
		c.abortMove(c.endedBy())
	}
}

func (c *epollRelay) endedBy() error {
	if c.ending.err != nil {
		return fmt.Errorf("the relay ends, by %s: %w", c.ending.by, c.ending.err)
	}
	return fmt.Errorf("the relay ends, by %s", c.ending.by)
}

// The client.

// pausesClient is whether the client is not read, so that what it sends waits
// for the end of a move, or for another node.
func (c *epollRelay) pausesClient() bool {
	return c.awaits() || c.moving() != nil && !c.toNode.open
}

// roomForClient is where what the client sends goes. A move reads no further
// than to the end of the frame that has left in part.
func (c *epollRelay) roomForClient() []byte {
	room := c.shard.space.buffer.room()
	if c.moving() != nil {
		room = room[:min(c.toNode.ahead(), uint64(len(room)))]
	}
	return room
}

// leaveUnread keeps what the wire still has for crypto/tls when the client is
// paused. In crypto/tls there may be more.
func (c *epollRelay) leaveUnread() {
	c.rarely().unread = append([]byte{}, c.shard.wire.in...)
}

// catchUp reads that once the client may be read again.
func (c *epollRelay) catchUp() {
	if c.rare.unread == nil || c.pausesClient() {
		return
	}
	unread := c.rare.unread
	c.rare.unread = nil
	c.decryptClient(unread, os.ErrDeadlineExceeded)
}

// The node.

// tellNode sends the node text messages of ours. Nothing may have left in part.
func (c *epollRelay) tellNode(texts [][]byte) {
	var frames []byte
	for _, text := range texts {
		frames = appendText(frames, masked, text)
	}
	_ = c.forward(&c.toNode, &c.node, &c.shard.toNode, frames, len(texts)) // the node's end is read
}

// replay takes what the node has sent before for what it sends now.
func (c *epollRelay) replay(fromNode []byte) {
	for len(fromNode) > 0 {
		n := copy(c.shard.space.buffer.room(), fromNode)
		fromNode = fromNode[n:]
		c.fromNode(n)
	}
}

// pausesNode is whether the node is not read, so that the client gets nothing
// behind the last message of a move.
func (c *epollRelay) pausesNode() bool {
	m := c.moving()
	return m != nil && m.last
}
