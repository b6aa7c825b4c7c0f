package proxy

// MovedID is what the other members of a cluster have to know of a client with a
// session, so that an app can exclude it whichever member gets the request.
type MovedID struct {
	App  string // its ID
	Told string // the socket id that the client was told
	// Present is the one that its node knows; empty: there is nothing to know, as
	// the client has gone, or is where it has come to first.
	Present string
	Node    string // its node's name
	Moving  bool   // it is being moved just now, and requests that name it have to wait
}

// Moved is what the other members have to know of the client that was told an id.
// It may be called concurrently.
func (h *Handler) Moved(app, told string) MovedID {
	m := MovedID{App: app, Told: told}
	is, known := h.aliases.of(app, told)
	if known && (is.present != told || is.moving != nil) {
		m.Present, m.Node, m.Moving = is.present, is.node.Name(), is.moving != nil
	}
	return m
}

// announce has the other members ask what has become of a client. Heard is closed when
// they could know it, or cannot be told; nil: there are none.
func (h *Handler) announce(app, told string) (heard <-chan struct{}) {
	if h.announced == nil {
		return nil
	}
	return h.announced(app, told)
}

// announce has the other members ask what has become of the client.
func (s *sessionClient) announce() (heard <-chan struct{}) {
	return s.handler.announce(s.session.App().ID, s.session.Told())
}

// mention is announce where nobody waits for it.
func (s *sessionClient) mention() {
	if s.handler.mentioned != nil {
		s.handler.mentioned(s.session.App().ID, s.session.Told())
	}
}

// AllMoved is what Moved says of each client here that has moved, or is moving.
func (h *Handler) AllMoved() (all []MovedID) {
	for _, id := range h.aliases.moved() {
		all = append(all, h.Moved(id.app, id.id))
	}
	return all
}

// Open is how many connections there are from outside, clients with them.
func (h *Handler) Open() int { return h.open.Open() }
