package relay

import "time"

// begin notes what ends the relay, unless something has already, and sees to
// it that the rest takes no longer than Options.Close. It reports whether this
// was the first.
func (c *epollRelay) begin(by By, err error) bool {
	if !c.ending.first(by, err) {
		return false
	}
	c.closeBy = c.shard.time() + c.close
	c.latestBy = c.shard.time() + mostCloses*min(c.close, 1<<27)
	c.idleBy, c.pingBy, c.heldBy = 0, 0, 0
	return true
}

// bound sets when the end is there at the latest; 0 changes nothing.
func (c *epollRelay) bound(within time.Duration) {
	if within > 0 {
		c.latestBy = min(c.latestBy, c.shard.time().later(within))
		c.closeBy = min(c.closeBy, c.latestBy)
	}
}

// progress puts off the cut of a relay that is ending: a frame that is still
// under way, and passes, is not late.
func (c *epollRelay) progress() {
	if c.closeBy != 0 {
		c.closeBy = min(c.shard.time()+c.close, c.latestBy)
	}
}

// active puts off the next ping and the end of an idle relay, where the pongs
// to our pings do not count.
func (c *epollRelay) active() {
	if c.closeBy != 0 {
		return
	}
	if c.idle > 0 && !c.pings.only {
		c.idleBy = c.shard.time() + c.idle
	}
	if c.ping > 0 {
		c.pingBy = c.shard.time() + c.ping
	}
	c.pings.only = false
}

// idleDue ends a relay that nobody uses. A client that is not read may use it.
func (c *epollRelay) idleDue() {
	c.idleBy = c.shard.time() + c.idle
	if !c.pausesClient() {
		c.want(idleClose, errIdle(c.idle.duration()))
	}
}

// pingDue pings a client that is silent, or ends one that has stayed so. Where
// no ping can be put in, something has just passed or is about to.
func (c *epollRelay) pingDue() {
	c.pingBy = c.shard.time() + c.ping
	switch {
	case c.heldBy != 0, c.moving() != nil:
	case c.pings.deaf():
		c.want(deafClose, errDeaf)
	case !c.toClient.open && !c.toClient.dropping && c.client.flushed():
		c.pings.sent()
		if err := c.client.write(&c.shard.wire, c.pingToken().ping()); err != nil {
			c.clientRefuses(err)
		}
	}
}

// arm has the wheel wake the relay in time for the first of its deadlines. One
// that is put off, or gone, by then costs a look.
func (c *epollRelay) arm() {
	next := c.closeBy.earlier(c.idleBy).earlier(c.pingBy).earlier(c.heldBy).earlier(c.answerBy).earlier(c.stallBy(&c.client)).earlier(c.stallBy(&c.node))
	if next != 0 && next.earlier(c.wakes) != c.wakes {
		c.wakes = c.shard.wheel.add(c.handle.of(kindClient), c.shard.time(), next)
	}
}

// stallBy is when a leg must have taken something of its queue.
func (c *epollRelay) stallBy(l *leg) ticks {
	switch {
	case l.flushed():
		l.stallBy = 0
	case l.stallBy == 0 || l.moved:
		l.stallBy = c.shard.time() + c.stall
	}
	l.moved = false
	return l.stallBy
}

// expire is told when the wheel has come to the time now.
func (c *epollRelay) expire(now ticks) {
	defer c.survive()
	if c.wakes == 0 || c.wakes > now {
		return // of an earlier wish
	}
	c.wakes = 0
	due := func(at ticks) bool { return at != 0 && at <= now }
	switch {
	case due(c.closeBy):
		c.cut(c.ending.by, c.ending.late(c.close.duration()))
	case due(c.client.stallBy):
		c.cut(ByTimeout, errStalled("client", c.stall.duration()))
	case due(c.node.stallBy):
		c.nodeStalls()
	case due(c.answerBy):
		c.answersOver()
	case due(c.heldBy):
		c.letGo()
	case due(c.idleBy):
		c.idleDue()
	case due(c.pingBy):
		c.pingDue()
	}
	c.proceed()
}
