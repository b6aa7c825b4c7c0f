package relay

// begin notes what ends the relay, unless something has already, and sees to
// it that the rest takes no longer than Options.Close. It reports whether this
// was the first.
func (c *epollConn) begin(by By, err error) bool {
	if !c.ending.first(by, err) {
		return false
	}
	c.closeBy = c.shard.time().later(c.close)
	c.idleBy, c.heldBy = 0, 0
	return true
}

// active puts the end of an idle relay off.
func (c *epollConn) active() {
	if c.idle > 0 && c.closeBy == 0 {
		c.idleBy = c.shard.time().later(c.idle)
	}
}

// arm has the wheel wake the relay in time for the first of its deadlines. One
// that is put off, or gone, by then costs a look.
func (c *epollConn) arm() {
	next := c.closeBy.earlier(c.idleBy).earlier(c.heldBy).earlier(c.stallBy(&c.client)).earlier(c.stallBy(&c.node))
	if next != 0 && next.earlier(c.wakes) != c.wakes {
		c.wakes = c.shard.wheel.add(c.handle, c.shard.time(), next)
	}
}

// stallBy is when a leg must have taken something of its queue.
func (c *epollConn) stallBy(l *leg) ticks {
	switch {
	case l.flushed():
		l.stallBy = 0
	case l.stallBy == 0 || l.moved:
		l.stallBy = c.shard.time().later(c.stall)
	}
	l.moved = false
	return l.stallBy
}

// expire is told when the wheel has come to the time now.
func (c *epollConn) expire(now ticks) {
	if c.wakes == 0 || c.wakes > now {
		return // of an earlier wish
	}
	c.wakes = 0
	due := func(at ticks) bool { return at != 0 && at <= now }
	switch {
	case due(c.closeBy):
		c.cut(c.ending.by, c.ending.late(c.close))
	case due(c.client.stallBy):
		c.cut(ByTimeout, errStalled("client", c.stall))
	case due(c.node.stallBy):
		c.nodeStalls()
	case due(c.heldBy):
		c.letGo()
	case due(c.idleBy):
		c.want(idleClose, errIdle(c.idle))
	}
	c.settle()
}
