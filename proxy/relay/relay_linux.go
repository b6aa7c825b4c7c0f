package relay

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// epollRelay is one relay of a shard. All but shard is the shard's goroutine's.
//
// Whatever happens (a leg can be read, or written, a time is over, somebody
// wants a Close frame) changes the state here, and ends with proceed, which
// does what follows from the state.
type epollRelay struct {
	shard        *shard
	client, node leg
	toNode       flow
	toClient     flow
	ending       ending
	owner        Owner
	counts       *Counts

	handle             handle
	queued             uint16 // status of the Close frame that was queued for the client; 0: none
	ended              bool
	pings              pings
	taps               bool  // the owner is a Tap
	closeBy            ticks // when what has begun to end is cut; 0: it has not
	latestBy           ticks // to when progress can put that off
	idleBy             ticks // 0: never
	pingBy             ticks // 0: never
	heldBy             ticks // until when a client without a node is held; 0: it is not
	answerBy           ticks // until when a malformed client's Close waits for the node's answers; 0: it does not
	wakes              ticks // when the wheel does; 0: never
	ping               ticks // from the last that passed to a ping; 0: there are none
	close, stall, idle ticks // as in Options; 0: none
	rare               *rare // nil: it has nothing of that
}

// rare is what most relays have no need of.
type rare struct {
	said   *words // by the node, the last that was notable; nil: more has come
	move   *move  // nil: none is under way
	unread []byte // from the client, for crypto/tls, which may have more; nil: it is not paused
	// hearing is for what the node sends while a mover is shown that; nil: none is.
	hearing *hearing
	token   *token // of pings that another process has sent the client; nil: it owes it no pong
}

// empty is whether there is nothing to keep.
func (r *rare) empty() bool {
	return r.said == nil && r.move == nil && r.unread == nil && r.hearing == nil && r.token == nil
}

// rarely is for what is to be kept there.
func (c *epollRelay) rarely() *rare {
	if c.rare == nil {
		c.rare = new(rare)
	}
	return c.rare
}

// newEpollRelay lacks its legs yet.
func newEpollRelay(s *shard, p Pair) *epollRelay {
	o := p.Options
	c := &epollRelay{
		shard:    s,
		toNode:   flow{gate: gate{follower: newFollower(true, o.MaxMessage)}},
		toClient: flow{gate: gate{follower: newFollower(false, 0)}},
		owner:    p.Owner,
		counts:   p.Counts,
		close:    ticks(0).later(o.Close), stall: ticks(0).later(o.Stall),
	}
	_, c.taps = p.Owner.(Tap)
	if o.Idle > 0 {
		c.idle = ticks(0).later(o.Idle)
	}
	if o.Ping > 0 {
		c.ping = ticks(0).later(o.Ping)
	}
	return c
}

// Close implements Relay.
func (c *epollRelay) Close(wish Close) {
	c.shard.post(func() {
		defer c.survive()
		switch m := c.shard.detached[c]; {
		case m != nil:
			m.wishLater(wish)
		case !c.ended:
			c.want(wish, nil)
			c.proceed()
		}
	})
}

// start is the beginning: what was read before comes first. To the client it
// goes all at once, behind the head.
func (c *epollRelay) start(head, toNode, toClient []byte) {
	c.handle = c.shard.relays.add(c)
	defer c.survive()
	c.client.queue(&c.shard.wire, head)
	room := c.shard.space.buffer.room()
	for len(toNode) > 0 && !c.client.over {
		n := copy(room, toNode)
		toNode = toNode[n:]
		c.fromClient(n)
	}
	c.replay(toClient)
	c.readAhead(&c.client)
	c.readAhead(&c.node)
	c.flush(true)
	c.active()
	c.proceed()
}

// wake is told what has happened at a leg.
func (c *epollRelay) wake(isClient bool, events uint32) {
	defer c.survive()
	l := &c.node
	if isClient {
		l = &c.client
	}
	if events&^unix.EPOLLIN != 0 {
		c.flush(isClient)
	}
	if isClient && events&^(unix.EPOLLIN|unix.EPOLLOUT) != 0 {
		c.awaitNoMore()
	}
	if l.watched&unix.EPOLLIN != 0 && events&^unix.EPOLLOUT != 0 && !l.over {
		c.read(isClient)
	}
	c.active()
	c.proceed()
}

func (c *epollRelay) flush(isClient bool) {
	if !isClient {
		_ = c.node.flush() // the end of it is read behind its last frames
	} else if err := c.client.flush(); err != nil {
		c.clientRefuses(err)
	}
	if c.client.moved && (c.queued != 0 || c.toClient.open) || c.node.moved && (c.client.over || !c.toNode.atBoundary()) {
		c.progress()
	}
}

func (c *epollRelay) read(isClient bool) {
	switch {
	case isClient && c.client.secure != nil:
		c.decryptClient(c.receive(&c.client))
	case isClient:
		n, err := recvfrom(c.client.fd, c.roomForClient())
		c.fromClient(n)
		c.clientErr(err)
	case c.node.secure != nil:
		c.decryptNode(c.receive(&c.node))
	default:
		n, err := recvfrom(c.node.fd, c.shard.space.buffer.room())
		c.fromNode(n)
		c.nodeErr(err)
	}
}

// receive reads what crypto/tls is to decrypt, and how that ends.
func (c *epollRelay) receive(l *leg) (raw []byte, end error) {
	raw = c.shard.space.raw[:]
	n, err := recvfrom(l.fd, raw)
	if err == nil {
		err = os.ErrDeadlineExceeded // more may come
	}
	return raw[:n], err
}

// readAhead takes what crypto/tls has read already, before the leg was the shard's.
func (c *epollRelay) readAhead(l *leg) {
	switch {
	case l.secure == nil || l.over:
	case l == &c.client:
		c.decryptClient(nil, os.ErrDeadlineExceeded)
	default:
		c.decryptNode(nil, os.ErrDeadlineExceeded)
	}
}

// decryptClient has crypto/tls read raw, and behind that err.
func (c *epollRelay) decryptClient(raw []byte, err error) {
	c.shard.wire.feed(raw, err)
	c.shard.loan.give(c.client.secure)
	for err = nil; err == nil && !c.client.over && !c.pausesClient(); {
		var n int
		n, err = fill(c.client.secure, c.roomForClient())
		c.answerTLS(&c.client)
		c.fromClient(n)
	}
	c.shard.loan.takeBack(c.client.secure)
	if err == nil && c.pausesClient() {
		c.leaveUnread()
	}
	c.clientErr(err)
}

// decryptNode does the same for the node. What a move does not want yet it keeps.
func (c *epollRelay) decryptNode(raw []byte, err error) {
	c.shard.wire.feed(raw, err)
	c.shard.loan.give(c.node.secure)
	for err = nil; err == nil && !c.node.over; {
		var n int
		n, err = fill(c.node.secure, c.shard.space.buffer.room())
		c.answerTLS(&c.node)
		c.fromNode(n)
	}
	c.shard.loan.takeBack(c.node.secure)
	c.nodeErr(err)
}

// answerTLS sends what crypto/tls has answered to what it has read: key updates,
// alerts. That must leave the wire before the other leg writes.
func (c *epollRelay) answerTLS(l *leg) {
	err := l.send(c.shard.wire.take())
	if err != nil && l == &c.client { // the node's end is read
		c.clientRefuses(err)
	}
}

// fill reads until b is full or there is an error.
func fill(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var read int
		read, err = r.Read(b[n:])
		n += read
	}
	return n, err
}

// fromClient takes n bytes in the buffer that the client has sent.
func (c *epollRelay) fromClient(n int) {
	if n == 0 || c.toNode.dropping {
		return
	}
	if !c.toNode.atBoundary() {
		c.progress()
	}
	ahead := c.toNode.ahead()
	b, messages, bad := c.toNode.take(&c.shard.space.buffer, n)
	if c.pings.owed > 0 {
		b = c.pings.heard(b, ahead, c.pingToken())
		c.pongsOver()
	}
	if c.taps {
		b = c.show(b, ahead)
	}
	if c.toNode.closed {
		c.begin(ByClient, nil)
		c.ending.clientCode = uint16(c.toNode.status())
	}
	_ = c.forward(&c.toNode, &c.node, &c.shard.toNode, b, messages)
	switch {
	case bad != nil:
		c.clientMalformed(bad)
	case c.toNode.closed:
		c.clientOver(nil)
	}
}

// fromNode takes n bytes in the buffer that the node has sent.
func (c *epollRelay) fromNode(n int) {
	if n == 0 || c.toClient.dropping {
		return
	}
	if h := c.hears(); h != nil {
		h.fromNode = append(h.fromNode, c.shard.space.buffer.room()[:n]...)
		c.hear()
		return
	}
	if c.toClient.open {
		c.progress()
	}
	b, messages, bad := c.toClient.take(&c.shard.space.buffer, n)
	c.toClientLeaves(b, messages, bad)
}

// toClientLeaves is told what the node has sent that may leave.
func (c *epollRelay) toClientLeaves(b []byte, messages int, bad *ProtocolError) {
	if c.toClient.closed {
		c.begin(ByNode, nil)
	}
	if c.toClient.closed && c.answerBy != 0 {
		b = b[:len(b)-c.toClient.closeSize()] // the answer to ours
	}
	if len(b) > 0 {
		c.remember(note(c.owner, b))
	}
	err := c.forward(&c.toClient, &c.client, &c.shard.toClient, b, messages)
	switch {
	case err != nil:
		c.clientRefuses(err)
	case c.toClient.closed && c.answerBy != 0:
		c.sendClose(*c.ending.wish, nil)
	case c.toClient.closed:
		c.closeQueued(c.toClient.status())
	case bad != nil:
		c.nodeEnded(bad)
	default:
		c.sendWish()
	}
}

// remember keeps the node's last words; nil: what it has said is not notable.
func (c *epollRelay) remember(said *words) {
	if said != nil || c.rare != nil {
		c.rarely().said = said
	}
}

// lastWords are the node's, which has just ended.
func (c *epollRelay) lastWords() string {
	if c.rare == nil {
		return ""
	}
	return c.rare.said.last()
}

func (c *epollRelay) forward(f *flow, to *leg, sum *passed, b []byte, messages int) error {
	if len(b) == 0 || to.refuses {
		return nil
	}
	if err := to.write(&c.shard.wire, b); err != nil {
		return err
	}
	f.add(len(b), messages)
	sum.add(len(b), messages)
	if f == &c.toNode {
		c.counts.addToNode(len(b), messages)
	} else {
		c.counts.addToClient(len(b), messages)
	}
	return nil
}

// proceed does what follows from the state, and is the last that is done in
// each wake: afterwards the relay may be gone.
func (c *epollRelay) proceed() {
	if c.rare != nil {
		c.moveOn()
	}
	if c.queued != 0 && c.client.flushed() && !c.client.refuses {
		c.ending.sentCode, c.queued = c.queued, 0
	}
	if c.ending.sentCode != 0 && c.ending.clientOver {
		c.client.close(&c.shard.wire)
	}
	if c.ending.clientOver && c.node.over && c.client.flushed() && c.node.flushed() {
		c.finish()
		return
	}
	if err := c.watch(); err != nil {
		c.cut(ByLimit, err)
		c.finish()
		return
	}
	c.arm()
}

// watch waits for what can be read and written. A leg is not read while the
// other one has a queue, unless what it sends is dropped, nor while a move wants
// nothing from it.
func (c *epollRelay) watch() error {
	var client, node uint32
	if !c.client.over && (c.node.flushed() || c.toNode.dropping) && len(c.client.out) <= maxQueue && !c.pausesClient() {
		client |= unix.EPOLLIN
	}
	if !c.node.over && (c.client.flushed() || c.toClient.dropping) && len(c.node.out) <= maxQueue && !c.pausesNode() {
		node |= unix.EPOLLIN
	}
	if c.awaits() {
		client |= unix.EPOLLRDHUP
	}
	if !c.client.flushed() {
		client |= unix.EPOLLOUT
	}
	if !c.node.flushed() {
		node |= unix.EPOLLOUT
	}
	if err := c.shard.watch(&c.client, c.handle.of(kindClient), client); err != nil {
		return err
	}
	return c.shard.watch(&c.node, c.handle.of(kindNode), node)
}
