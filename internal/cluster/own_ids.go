package cluster

import (
	"container/list"
	"sync"
	"time"
)

// clientID is a client, by what it was told.
type clientID struct{ app, told string }

// ownIDs are this member's clients that the others have to know, those that have been
// said and those that are due. Its methods may be called concurrently.
type ownIDs struct {
	wake chan struct{} // has one when something is to be said

	mu     sync.Mutex
	all    map[clientID]*ownID
	due    list.List // in the order in which it came
	said   list.List // in the order in which it was said last
	last   uint64    // number of the last announcement
	lowest uint64    // no client that is due was said before; 0: none ever was
	stale  uint64    // whatever was said up to then is due again
	waking bool      // wake gets one within idsPatience
}

// ownID is one of them.
type ownID struct {
	clientID
	in     *list.List    // nil: it is being written
	at     *list.Element // there
	number uint64        // when it was said last; 0: never
	again  bool          // something has come while it is being written
	heard  chan struct{} // closed once it is said; nil: nobody waits
}

// batch is what is being written.
type batch struct {
	ids    []*ownID
	now    []MovedID // what has become of each
	heard  []chan struct{}
	number uint64
}

func newOwnIDs() *ownIDs {
	return &ownIDs{wake: make(chan struct{}, 1), all: make(map[clientID]*ownID)}
}

// atOnce is for those who must not wait.
var atOnce = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// note is for a client of which there is something to say, at once if somebody waits
// for it. While Redis is away nobody does, and one that has gone is dropped: all that
// is left is said anew.
func (o *ownIDs) note(client clientID, waits, away, gone bool) (heard <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	id := o.all[client]
	switch {
	case gone:
		o.drop(id)
		return atOnce
	case id == nil:
		id = &ownID{clientID: client}
		o.all[client] = id
		o.await(id)
	case id.in == nil:
		id.again = true
	case id.in == &o.said:
		o.await(id)
	}
	if waits && !away && id.heard == nil {
		id.heard = make(chan struct{})
	}
	if o.wakeFor(id); away {
		return atOnce
	}
	return id.heard
}

// wakeFor is for one that is due. mu is held.
func (o *ownIDs) wakeFor(id *ownID) {
	if id.heard != nil {
		o.wakeUp()
	} else {
		o.wakeLater()
	}
}

// wakeUp has what is due said at once.
func (o *ownIDs) wakeUp() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// wakeLater has it said soon, if nothing else is said before. mu is held.
func (o *ownIDs) wakeLater() {
	if o.waking {
		return
	}
	o.waking = true
	time.AfterFunc(idsPatience, func() {
		o.mu.Lock()
		o.waking = false
		o.mu.Unlock()
		o.wakeUp()
	})
}

// drop forgets a client. One that is being written is looked at then.
func (o *ownIDs) drop(id *ownID) {
	if id != nil && id.in != nil {
		id.in.Remove(id.at)
		delete(o.all, id.clientID)
	}
}

// await makes a client due. mu is held.
func (o *ownIDs) await(id *ownID) {
	if id.in != nil {
		id.in.Remove(id.at)
	}
	if id.number > 0 && (o.lowest == 0 || id.number < o.lowest) {
		o.lowest = id.number
	}
	id.in, id.at = &o.due, o.due.PushBack(id)
}

// take returns what is due, as much as one announcement can have. Done must be called.
func (o *ownIDs) take() *batch {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := &batch{}
	for len(b.ids) < mostIDs {
		id := o.next()
		if id == nil {
			break
		}
		id.in.Remove(id.at)
		id.in, id.at = nil, nil
		b.ids = append(b.ids, id)
		if id.heard != nil {
			b.heard = append(b.heard, id.heard)
			id.heard = nil
		}
	}
	b.now = make([]MovedID, len(b.ids))
	if o.next() != nil {
		o.wakeUp()
	}
	return b
}

func (o *ownIDs) next() *ownID {
	if e := o.due.Front(); e != nil {
		return e.Value.(*ownID)
	}
	if e := o.said.Front(); e != nil && e.Value.(*ownID).number <= o.stale {
		return e.Value.(*ownID)
	}
	return nil
}

// number makes a batch an announcement. Nothing is said of the end of a client of
// which nothing was ever said.
func (o *ownIDs) number(b *batch) (s Said) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, m := range b.now {
		if m.Present != "" || b.ids[i].number > 0 {
			s.IDs = append(s.IDs, m)
		}
	}
	if len(s.IDs) > 0 {
		o.last++
	}
	b.number = o.last
	s.Number, s.Oldest = o.last, o.oldest()
	return s
}

// oldest is when the client was said that was said the longest ago; if there is none,
// the announcement that is being made.
func (o *ownIDs) oldest() uint64 {
	oldest := o.last
	if e := o.said.Front(); e != nil {
		oldest = e.Value.(*ownID).number
	}
	if o.due.Len() == 0 {
		o.lowest = 0
	}
	if o.lowest > 0 {
		oldest = min(oldest, o.lowest)
	}
	return oldest
}

// done is for a batch that was written or, if not, may have been.
func (o *ownIDs) done(b *batch, written bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, id := range b.ids {
		again := id.again
		id.again = false
		switch {
		case written && b.now[i].Present == "" && !again:
			delete(o.all, id.clientID)
			continue
		case written:
			id.number = b.number
		}
		if !written || again {
			o.await(id)
			o.wakeFor(id)
			continue
		}
		id.in, id.at = &o.said, o.said.PushBack(id)
	}
	for _, heard := range b.heard {
		close(heard)
	}
}

// renew makes a part of what was said due again, that of the longest ago.
func (o *ownIDs) renew() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for range (o.said.Len() + renewParts - 1) / renewParts {
		o.await(o.said.Front().Value.(*ownID))
		o.wakeLater()
	}
}

// anew makes all due that was ever said.
func (o *ownIDs) anew() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stale = o.last
}

// release lets those go on who wait until something is said.
func (o *ownIDs) release() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for e := o.due.Front(); e != nil; e = e.Next() {
		if id := e.Value.(*ownID); id.heard != nil {
			close(id.heard)
			id.heard = nil
		}
	}
}
