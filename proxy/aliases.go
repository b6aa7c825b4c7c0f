package proxy

import (
	"sync"

	"fermata/balancer"
)

// aliases are the socket ids of clients with a session: the one that a client was
// told, and so its app knows, and the one that its present node knows, which is the
// same until it moves. Two nodes may tell two clients the same id, with a chance of
// one in a million million for a million clients; the one that came to its node last
// has it then. The zero value is ready. The methods may be called concurrently.
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

// set is for a client of the app with that id, which has come to a node.
func (a *aliases) set(app, told, present string, node *balancer.Node) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.told == nil {
		a.told = make(map[toldID]alias)
	}
	a.told[toldID{app, told}] = alias{present, node, a.told[toldID{app, told}].moving}
}

// begin is for a client that is being moved off its node, until over is called.
// Whether it has moved is told by set. One that has gone stays forgotten.
func (a *aliases) begin(app, told, present string) (over func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	is, known := a.told[toldID{app, told}]
	if !known || is.present != present {
		return func() {}
	}
	is.moving = make(chan struct{})
	a.told[toldID{app, told}] = is
	return func() {
		a.end(toldID{app, told}, is.moving)
		close(is.moving)
	}
}

// end is for a move that is over.
func (a *aliases) end(client toldID, moving chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if is := a.told[client]; is.moving == moving { // else it has gone
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

// of is where a client is; false: there is none that was told the id.
func (a *aliases) of(app, told string) (is alias, known bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	is, known = a.told[toldID{app, told}]
	return is, known
}

// none is whether there is no client with a session.
func (a *aliases) none() bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return len(a.told) == 0
}

// moved are those that their node knows by another id, or that are moving.
func (a *aliases) moved() (all []toldID) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	for told, is := range a.told {
		if is.present != told.id || is.moving != nil {
			all = append(all, told)
		}
	}
	return all
}
