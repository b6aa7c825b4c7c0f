package proxy

import "sync"

// aliases are the socket ids of clients that were moved: the one that a client was
// told, and so its app knows, and the one that its present node knows. Two nodes may
// tell two clients the same id, with a chance of one in a million million for
// a million clients; the one that moved last has it then. The zero value is
// ready. The methods may be called concurrently.
type aliases struct {
	mu   sync.RWMutex
	told map[toldID]string // the present id
}

// toldID is a socket id of an app's client.
type toldID struct{ app, id string }

// set is for a client of the app with that id, which has moved.
func (a *aliases) set(app, told, present string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.told == nil {
		a.told = make(map[toldID]string)
	}
	a.told[toldID{app, told}] = present
}

// forget is for a client that has gone, with its last present id: where another has
// come to have the same told id, that stays.
func (a *aliases) forget(app, told, present string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.told[toldID{app, told}] == present {
		delete(a.told, toldID{app, told})
	}
}

// present is the id that the node of a moved client knows; false for all others.
func (a *aliases) present(app, told string) (id string, moved bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	id, moved = a.told[toldID{app, told}]
	return id, moved
}

// none is whether nobody has moved.
func (a *aliases) none() bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return len(a.told) == 0
}
