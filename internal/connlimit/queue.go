package connlimit

import "net"

// queue is the connections of one state, the one that is in it for longest first. They
// are linked by themselves, as each new client passes through three states. The zero
// value is empty.
type queue struct{ first, last *place }

// place is where a connection stands.
type place struct {
	conn          net.Conn
	in            *queue
	before, after *place // nil: nobody
}

// add puts a place at the end that is in no queue.
func (q *queue) add(p *place) {
	p.in, p.before, p.after = q, q.last, nil
	if q.last == nil {
		q.first = p
	} else {
		q.last.after = p
	}
	q.last = p
}

// leave takes the place out of its queue.
func (p *place) leave() {
	if p.before == nil {
		p.in.first = p.after
	} else {
		p.before.after = p.after
	}
	if p.after == nil {
		p.in.last = p.before
	} else {
		p.after.before = p.before
	}
}
