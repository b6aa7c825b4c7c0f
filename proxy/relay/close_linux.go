package relay

import (
	"cmp"
	"os"
)

// The client's side.

// clientErr is told how a read has ended.
func (c *epollRelay) clientErr(err error) {
	if err == nil || err == os.ErrDeadlineExceeded || c.client.over {
		return
	}
	c.clientOver(unlessEOF(err))
}

// clientOver is told when no more comes from the client. One that has gone
// without a Close frame half-closes the node.
func (c *epollRelay) clientOver(err error) {
	c.begin(ByClient, err)
	c.ending.clientOver, c.client.over = true, true
	switch {
	case c.answerBy != 0: // the node has still to answer
	case c.ending.clientCode == 0:
		_ = c.node.closeWrite(&c.shard.wire)
	case c.ending.held != nil && !c.toClient.dropping: // there is no node to answer
		c.ending.wish = &Close{Code: int(c.ending.clientCode), By: ByClient}
		c.toClient.last = true
		c.sendWish()
	}
}

// clientMalformed closes a client whose frames cannot be read further. As the node
// may still answer what came before, it gets a Close frame first.
func (c *epollRelay) clientMalformed(bad *ProtocolError) {
	c.toNode.drop()
	wish := Close{Code: bad.Code, Reason: bad.Reason, By: ByLimit}
	if c.ending.by != "" || c.node.over || c.node.refuses {
		c.want(wish, bad)
		_ = c.node.closeWrite(&c.shard.wire)
		return
	}
	c.begin(wish.By, bad)
	c.ending.wish, c.answerBy = &wish, c.shard.time().later(c.close.duration()/2)
	_ = c.node.write(&c.shard.wire, appendMaskedClose(nil, bad.Code))
}

// answersOver is told when the node has had its time to answer.
func (c *epollRelay) answersOver() {
	c.answerBy, c.toClient.last = 0, true
	c.sendWish()
}

// clientRefuses is told when the client's connection is gone; the end of it is
// read behind its last frames.
func (c *epollRelay) clientRefuses(err error) {
	c.begin(ByClient, err)
	c.toClient.drop()
}

// The node's side.

// nodeErr is told how a read has ended.
func (c *epollRelay) nodeErr(err error) {
	if err == nil || err == os.ErrDeadlineExceeded || c.node.over {
		return
	}
	c.node.over = true
	if !c.toClient.dropping {
		c.nodeEnded(unlessEOF(err))
	}
}

// nodeEnded is told when the node's frames have ended without a Close frame;
// err is nil when by a mere FIN.
func (c *epollRelay) nodeEnded(err error) {
	if c.heldBy != 0 { // it had stalled before
		c.node.cut()
		return
	}
	c.abortMove(cmp.Or(err, errNoNode))
	farewell, ok, ask := c.ending.farewell()
	if ask {
		farewell, ok = c.owner.NodeLost(c.lastWords()), true
		err = cmp.Or(farewell.Err, err)
	}
	switch {
	case !ok:
		c.toClient.drop()
	case ask && farewell.After > 0:
		c.node.cut()
		c.hold(farewell, err)
	default:
		c.bidFarewell(farewell, err)
	}
}

// hold keeps a client open whose node has ended, or takes nothing any more.
func (c *epollRelay) hold(farewell Close, cause error) {
	c.ending.held = &held{farewell, cause}
	c.heldBy = c.shard.time().later(farewell.After)
}

// awaits is whether the client is held open for another node.
func (c *epollRelay) awaits() bool { return c.heldBy != 0 && c.ending.held.farewell.Await }

// awaitNoMore is told when the client has gone meanwhile: to see that it is
// read, and what it sends is dropped.
func (c *epollRelay) awaitNoMore() {
	if c.awaits() {
		c.ending.held.farewell.Await = false
	}
}

// letGo is told when a held client has been held for long enough.
func (c *epollRelay) letGo() {
	c.heldBy = 0
	switch held := c.ending.held; {
	case c.ending.by != "":
	case c.node.over:
		c.bidFarewell(held.farewell, held.cause)
	default:
		c.want(held.farewell, held.cause)
	}
}

// bidFarewell closes a client whose node has ended, with the cause err.
func (c *epollRelay) bidFarewell(farewell Close, err error) {
	if c.toClient.open {
		c.cut(farewell.By, errCutFrame(err))
		return
	}
	c.sendClose(farewell, err)
}

// nodeStalls is told when the node has taken nothing for Options.Stall.
func (c *epollRelay) nodeStalls() {
	c.node.refuse()
	if c.ending.by != "" {
		return
	}
	cause := errStalled("node", c.stall.duration())
	c.abortMove(cause)
	farewell := c.owner.NodeLost("")
	farewell.By = ByTimeout
	if farewell.After > 0 {
		if farewell.Await && !c.toClient.open {
			c.node.cut()
		}
		c.hold(farewell, cause)
		return
	}
	c.want(farewell, cause)
}

// The Close frame.

// want has a Close frame sent, at the next boundary, unless the relay is
// ending already.
func (c *epollRelay) want(wish Close, cause error) {
	first := c.begin(wish.By, cause)
	c.bound(wish.Within)
	if first {
		c.ending.wish, c.toClient.last = &wish, true
		c.sendWish()
	}
}

// sendWish sends what is wanted if a boundary has been reached.
func (c *epollRelay) sendWish() {
	if wish := c.ending.wish; wish != nil && c.answerBy == 0 && !c.toClient.open && !c.toClient.dropping {
		c.sendClose(*wish, nil)
	}
}

// sendClose sends the client its one Close frame; nothing goes behind it.
func (c *epollRelay) sendClose(f Close, err error) {
	c.begin(f.By, err)
	c.answerBy = 0
	wire := &c.shard.wire
	if err := c.client.write(wire, AppendClose(nil, f.Code, f.Reason)); err != nil {
		c.clientRefuses(err)
		return
	}
	c.closeQueued(f.Code)
	if f.By != ByLimit {
		return
	}
	_ = c.node.closeWrite(wire)
	if err := c.client.closeWrite(wire); err != nil { // no answer can be read
		c.clientRefuses(err)
	}
}

// closeQueued is told when a Close frame is on its way to the client.
func (c *epollRelay) closeQueued(code int) {
	c.toClient.drop()
	c.queued = uint16(code)
}

// The end.

// cut ends both legs as they are.
func (c *epollRelay) cut(by By, err error) {
	c.begin(by, err)
	c.ending.because(err)
	c.ending.clientOver = true
	c.client.cut()
	c.node.cut()
	c.toNode.drop()
	c.toClient.drop()
}

// cutOff ends the relay as it is.
func (c *epollRelay) cutOff() {
	defer c.survive()
	c.cut(ByShutdown, errCut)
	c.proceed()
}

// finish is the relay's end.
func (c *epollRelay) finish() {
	c.node.close(&c.shard.wire)
	c.client.close(&c.shard.wire)
	c.leave()
}

// leave takes the relay, both of whose legs are closed, out of its shard.
func (c *epollRelay) leave() {
	c.ended = true
	c.abandonMove()
	c.shard.remove(c)

	end := End{
		BytesToNode: c.toNode.bytes, MessagesToNode: c.toNode.messages,
		BytesToClient: c.toClient.bytes, MessagesToClient: c.toClient.messages,
	}
	c.ending.end(&end)
	tellEnded(c.owner, end)
	c.shard.woken = true
}

// survive is deferred by whatever the shard calls: a panic ends this relay, and
// the shard goes on.
func (c *epollRelay) survive() {
	value := recover()
	if value == nil {
		return
	}
	err := survived(c.owner, value)
	c.shard.wire.reset() // what is in it must reach nobody else
	if !c.ended {
		c.cut(ByInternalError, err)
		c.leave()
	}
}
