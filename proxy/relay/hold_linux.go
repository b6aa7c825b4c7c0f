package relay

// Hold implements Relay.
func (c *epollRelay) Hold(Mover, int) bool { return false }

// Resume implements Relay.
func (c *epollRelay) Resume([][]byte) {}

// Replace implements Relay.
func (c *epollRelay) Replace(r Replacement) { r.refuse(errNoMoves) }
