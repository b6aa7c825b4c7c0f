package proxy

import (
	"sync"

	"fermata/balancer"
)

// aliases are the socket ids of clients that were moved, or are being moved: the one
// that a client was told, and so its app knows, and the one that its present node
// knows. Two nodes may tell two clients the same id, with a chance of one in
// a million million for a million clients; the one that moved last has it then. The
// zero value is ready. The methods may be called concurrently.
type aliases struct {
	mu   sync.RWMutex
	told map[toldID]alias
}

// toldID is a socket id of an app's client.
type toldID struct{ app, id string }

// alias is where a client is.
type alias struct {
	present string         // the id that its node knows
	node    *balancer.Node // its node
	moving  chan struct{}  // closed when the move that is under way is over; nil: there is none
}

// set is for a client of the app with that id, which has moved to a node.
func (a *aliases) set(app, told, present string, node *balancer.Node) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.put(toldID{app, told}, alias{present, node, a.told[toldID{app, told}].moving})
}

// begin is for a client that is being moved off a node, until over is called.
// Whether it has moved is told by set.
func (a *aliases) begin(app, told, present string, node *balancer.Node) (over func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	moving := make(chan struct{})
	a.put(toldID{app, told}, alias{present, node, moving})
	return func() {
		a.end(toldID{app, told}, moving)
		close(moving)
	}
}

// put sets an alias. mu is held.
func (a *aliases) put(client toldID, is alias) {
	if a.told == nil {
		a.told = make(map[toldID]alias)
	}
	a.told[client] = is
}

// end is for a move that is over. A client that has its first node still needs no
// alias.
func (a *aliases) end(client toldID, moving chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch is := a.told[client]; {
	case is.moving != moving: // it has gone
	case is.present == client.id:
		delete(a.told, client)
	default:
		is.moving = nil
		a.told[client] = is
	}
}

// forget is for a client that has gone, with its last present id: where another has
// come to have the same told id, that stays.
func (a *aliases) forget(app, told, present string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.told[toldID{app, told}].present == present {
		delete(a.told, toldID{app, told})
	}
}

// of is where a client is that was moved, or is being moved; false for all others.
func (a *aliases) of(app, told string) (is alias, known bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	is, known = a.told[toldID{app, told}]
	return is, known
}

// none is whether nobody was moved, or is being moved.
func (a *aliases) none() bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return len(a.told) == 0
}
