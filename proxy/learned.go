package proxy

import (
	"maps"
	"sync"
	"time"
	"unique"

	"fermata/balancer"
)

// Announcement is what a member of the cluster says of its clients.
type Announcement struct {
	Number uint64 // of this one; a member counts its own
	// Oldest is the number since when the member has said all of its clients that
	// there still are: others have gone. 0: it is not known.
	Oldest uint64
	IDs    []MovedID
}

// Learn is for what another member has said, in the order in which it has. It must
// not be called concurrently for one member.
func (h *Handler) Learn(member string, a Announcement) {
	h.learned.learn(member, a, time.Now().Add(h.options.Load().Session.Timeout))
}

// Unlearn forgets all that a member has said.
func (h *Handler) Unlearn(member string) { h.learned.unlearn(member) }

// where is where a client is that was told an id: here, or at another member.
func (h *Handler) where(app, told string) (is alias, known bool) {
	if is, known = h.aliases.of(app, told); known {
		return is, known
	}
	there, moving, known := h.learned.of(app, told, time.Now())
	if !known {
		return alias{}, false
	}
	return alias{there.present, nodeCalled(h.pool, there.node.Value()), moving}, true
}

// nodeCalled is nil when there is none of that name here.
func nodeCalled(p *balancer.Pool, name string) *balancer.Node {
	status, _ := p.Node(name)
	return status.Node
}

// mostLearned is how many clients of one member are remembered. It is more than a
// member can have.
const mostLearned = 1 << 20

// learned are the clients of other members of the cluster that were moved. The zero
// value is ready. The methods may be called concurrently.
type learned struct {
	mu      sync.RWMutex
	members map[string]*theirs
}

// theirs are the clients of one member.
type theirs struct {
	clients map[learnedID]learnedAlias
	moving  map[learnedID]learnedMove
}

// learnedID is a toldID in less memory: many share the app.
type learnedID struct {
	app unique.Handle[string]
	id  string
}

// learnedAlias is where a client is.
type learnedAlias struct {
	present string
	node    unique.Handle[string]
	number  uint64 // of the announcement that has said so last
}

// learnedMove is a move that is under way at another member. Its end may never be
// heard, when that or Redis is gone: nobody waits for it then.
type learnedMove struct {
	over  chan struct{}
	until time.Time
}

func (l *learned) learn(member string, a Announcement, until time.Time) {
	if gone := l.gone(member, a.Oldest); len(gone) > 0 {
		a.IDs = append(gone, a.IDs...)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.members == nil {
		l.members = make(map[string]*theirs)
	}
	of := l.members[member]
	if of == nil {
		of = &theirs{make(map[learnedID]learnedAlias), make(map[learnedID]learnedMove)}
		l.members[member] = of
	}
	for _, m := range a.IDs {
		of.set(m, a.Number, until)
	}
	if len(of.clients) == 0 {
		delete(l.members, member) // a map keeps the memory of all that it ever had
	}
}

// gone are clients of which the member has last spoken before that announcement.
func (l *learned) gone(member string, oldest uint64) (gone []MovedID) {
	if oldest == 0 {
		return nil
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	of := l.members[member]
	if of == nil {
		return nil
	}
	for id, is := range of.clients {
		if is.number < oldest {
			gone = append(gone, MovedID{App: id.app.Value(), Told: id.id})
		}
	}
	return gone
}

// set takes over what is said of one client.
func (t *theirs) set(m MovedID, number uint64, until time.Time) {
	id := learnedID{unique.Make(m.App), m.Told}
	if !m.Moving {
		t.settle(id)
	}
	_, known := t.clients[id]
	switch {
	case m.Present == "":
		delete(t.clients, id)
		return
	case !known && len(t.clients) >= mostLearned:
		return
	}
	t.clients[id] = learnedAlias{m.Present, unique.Make(m.Node), number}
	if m.Moving {
		t.begin(id, until)
	}
}

func (t *theirs) begin(id learnedID, until time.Time) {
	move, under := t.moving[id]
	if !under {
		move.over = make(chan struct{})
	}
	move.until = until
	t.moving[id] = move
}

// settle lets requests go on that wait for the client.
func (t *theirs) settle(id learnedID) {
	if move, under := t.moving[id]; under {
		close(move.over)
		delete(t.moving, id)
	}
}

func (l *learned) unlearn(member string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if of := l.members[member]; of != nil {
		for id := range maps.Keys(of.moving) {
			of.settle(id)
		}
	}
	delete(l.members, member)
}

// of is where a client is; false: no other member has moved one that was told the
// id. Moving is closed when its move is over; nil: none is under way.
func (l *learned) of(app, told string, now time.Time) (is learnedAlias, moving chan struct{}, known bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if len(l.members) == 0 {
		return learnedAlias{}, nil, false
	}
	id := learnedID{unique.Make(app), told}
	for _, of := range l.members {
		if is, known = of.clients[id]; !known {
			continue
		}
		if move := of.moving[id]; now.Before(move.until) {
			moving = move.over
		}
		return is, moving, true
	}
	return learnedAlias{}, nil, false
}

// none is whether no other member has a client that was moved.
func (l *learned) none() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.members) == 0
}
