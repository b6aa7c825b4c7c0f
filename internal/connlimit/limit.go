// Package connlimit bounds how many connections an http.Server has, since each
// costs a file descriptor.
package connlimit

import (
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
)

// Limit bounds the connections of http.Servers, of which it must get each
// ConnState. Beyond the limit the newest connection stays, and another is cut:
// the one that has been there longest without having sent a request, else the
// one that has been idle for longest after its last. So connections
// that say nothing keep nobody out. Its methods may be called
// concurrently.
type Limit struct {
	most     func() int
	requests bool
	cut      func(net.Conn)

	mu     sync.Mutex
	open   int
	closed bool
	queues [http.StateIdle + 1]queue // by state
	places map[net.Conn]*place
}

// New returns a Limit of as many connections as most says when one comes. With
// requests, one whose request is under way may be cut, too, if there is nothing
// else; without, the newest is. Cut is told of each connection that was, on the
// goroutine that accepts; it must not block. Nil: nobody wants to know.
func New(most func() int, requests bool, cut func(net.Conn)) *Limit {
	return &Limit{most: most, requests: requests, cut: cut, places: make(map[net.Conn]*place)}
}

// ConnState is for http.Server.ConnState.
func (l *Limit) ConnState(conn net.Conn, state http.ConnState) {
	surplus := l.note(conn, state, l.most())
	if surplus == nil {
		return
	}
	closeBelow(surplus)
	if l.cut != nil {
		l.cut(surplus)
	}
}

// closeBelow closes what TLS is over, which may wait in its own Close for a peer that
// reads nothing.
func closeBelow(conn net.Conn) {
	if over, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = over.NetConn()
	}
	conn.Close()
}

// Close closes all connections that are not hijacked, and those that still come.
func (l *Limit) Close() {
	l.mu.Lock()
	l.closed = true
	all := slices.Collect(maps.Keys(l.places))
	for _, conn := range all {
		l.take(conn)
		l.open--
	}
	l.mu.Unlock()
	for _, conn := range all {
		closeBelow(conn)
	}
}

// Open is how many connections there are, hijacked ones with them.
func (l *Limit) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open
}

// Entered says that there is one connection more, as one that is hijacked.
func (l *Limit) Entered() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open++
}

// Left says that a connection was closed which is hijacked.
func (l *Limit) Left() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
}

// note returns the connection that is one too many, or nil.
func (l *Limit) note(conn net.Conn, state http.ConnState, most int) (surplus net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch state {
	case http.StateNew:
		l.open++
		p := &place{conn: conn}
		l.places[conn] = p
		l.queues[state].add(p)
		if l.open > most || l.closed {
			return l.evict(conn)
		}
	case http.StateActive, http.StateIdle:
		if p := l.places[conn]; p != nil {
			p.leave()
			l.queues[state].add(p)
		}
	case http.StateHijacked:
		l.take(conn)
	case http.StateClosed:
		if l.take(conn) != nil {
			l.open--
		}
	}
	return nil
}

// take returns nil for a connection that was cut.
func (l *Limit) take(conn net.Conn) *place {
	p := l.places[conn]
	if p != nil {
		delete(l.places, conn)
		p.leave()
	}
	return p
}

// evict takes the connection that is to go so that the newest can stay.
func (l *Limit) evict(newest net.Conn) net.Conn {
	surplus := newest
	for _, state := range [...]http.ConnState{http.StateNew, http.StateIdle, http.StateActive} {
		first := l.queues[state].first
		if first == nil || first.conn == newest || state == http.StateActive && !l.requests {
			continue
		}
		surplus = first.conn
		break
	}
	l.take(surplus)
	l.open--
	return surplus
}
