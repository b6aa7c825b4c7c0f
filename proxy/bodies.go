package proxy

import (
	"context"
	"errors"
	"sync"
	"time"
)

// errBodies is that the bodies of requests have all the memory that they may,
// and that this one has to make room, or gets none.
var errBodies = errors.New("the bodies of requests have all the memory that they may")

// bodies is the memory that the bodies of plain requests have together. Where
// there is no more, the body that has cost most makes room, in bytes times how
// long it has held them: what a client sends at once costs next to nothing, and
// what it sends slowly costs more by the second. The zero value is ready. Its
// methods may be called concurrently.
type bodies struct {
	mu    sync.Mutex
	held  int64
	all   map[*body]struct{} // those that can make room
	going map[*body]struct{} // those that have been told to, and still hold theirs
	idle  [][]byte           // large pieces of bodies that no node has got
	freed int64              // bytes, ever
}

// open returns an empty body, which must be closed. turnAway is called, maybe by
// another goroutine, when the body has to make room.
func (m *bodies) open(turnAway context.CancelCauseFunc) *body {
	return &body{memory: m, began: time.Now(), turnAway: turnAway, closed: make(chan struct{})}
}

// take gives a body a piece of that size, as long as all have no more than most.
// While others have to make room for that, it waits. The error is errBodies, or
// what has ended ctx.
func (m *bodies) take(ctx context.Context, b *body, size int, most int64) ([]byte, error) {
	for {
		piece, other := m.try(b, size, most, time.Now())
		switch {
		case piece != nil:
			return piece, nil
		case other == nil:
			return nil, errBodies
		}
		other.turnAway(errBodies)
		select {
		case <-other.closed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// try returns who is to make room, or is making some already, if there is too
// little; nil: the body itself.
func (m *bodies) try(b *body, size int, most int64, now time.Time) (piece []byte, other *body) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b.leaving {
		return nil, nil
	}
	if m.held+int64(size) <= most {
		return m.give(b, size, most), nil
	}
	other = m.costliest(b, now)
	if other == b {
		return nil, m.anyGoing()
	}
	other.leaving = true
	delete(m.all, other)
	if m.going == nil {
		m.going = make(map[*body]struct{})
	}
	m.going[other] = struct{}{}
	return nil, other
}

// anyGoing is nil when nobody is. mu is held.
func (m *bodies) anyGoing() *body {
	for other := range m.going {
		return other
	}
	return nil
}

// give is with mu held.
func (m *bodies) give(b *body, size int, most int64) []byte {
	if m.all == nil {
		m.all = make(map[*body]struct{})
	}
	m.all[b] = struct{}{}
	m.held += int64(size)
	b.held += int64(size)
	last := len(m.idle) - 1
	if size != largestPiece || last < 0 {
		m.trim(most - m.held)
		return make([]byte, size)
	}
	piece := m.idle[last]
	m.idle = m.idle[:last]
	return piece
}

// trim leaves the garbage collector all idle pieces beyond so many bytes. mu is
// held.
func (m *bodies) trim(most int64) {
	if keep := int(most / largestPiece); keep < len(m.idle) {
		clear(m.idle[keep:])
		m.idle = m.idle[:keep]
	}
}

// sample is among how many bodies the costliest is looked for: with thousands,
// looking at all of them for each piece would be an attack of its own.
const sample = 64

// costliest begins with the body itself. mu is held.
func (m *bodies) costliest(b *body, now time.Time) *body {
	seen := 0
	for other := range m.all { // begins anywhere
		if other.cost(now) > b.cost(now) {
			b = other
		}
		if seen++; seen == sample {
			break
		}
	}
	return b
}

// keep is for a body that a node gets now: it cannot make room any more. The
// error is errBodies where it has to already, or where it is closed.
func (m *bodies) keep(b *body) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b.leaving {
		return errBodies
	}
	b.kept = true
	delete(m.all, b)
	return nil
}

// close gives a body's memory back. What no node has got is for the next bodies:
// a flood of those that make room would be garbage before it is collected.
func (m *bodies) close(b *body) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.all, b)
	delete(m.going, b)
	b.leaving = true
	m.held -= b.held
	m.freed += b.held
	if !b.kept {
		m.reuse(b.pieces)
	}
	m.trim(m.held)
	close(b.closed)
}

// reuse is with mu held.
func (m *bodies) reuse(pieces [][]byte) {
	for _, piece := range pieces {
		if cap(piece) == largestPiece {
			m.idle = append(m.idle, piece[:largestPiece])
		}
	}
}

// freedBytes is how many bytes bodies have ever given back.
func (m *bodies) freedBytes() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.freed
}
