package relay

// bufferSize is the largest frame that is held until it is whole.
const bufferSize = 32 << 10

// gate decides which bytes of one direction may leave: only whole frames, so
// that what the reader has got ends at a boundary whenever the writer
// vanishes. A frame larger than bufferSize is the exception: it is passed on
// as it comes.
type gate struct {
	follower
	open     bool // what may have left ends inside of a frame
	last     bool // a Close frame waits for the next boundary: no frame begins to leave
	dropping bool // nothing leaves any more; for the gate's owner to mind
}

// pass takes the next bytes, which come after held ones that were not let
// through before. ready is how many of all these may leave; messages is how
// many data messages they complete. After an error, a *ProtocolError, they may
// leave all the same.
func (g *gate) pass(held int, b []byte) (ready, messages int, err error) {
	boundary, messages, err := g.follow(b)
	if boundary >= 0 {
		ready = held + boundary
		g.open = false
	}
	if err != nil {
		return ready, messages, err
	}
	if all := held + len(b); g.open || !g.last && g.tooLarge(all-ready) {
		ready = all
		g.open = true
	}
	return ready, messages, nil
}

// ahead is how many of the next bytes belong to a frame that has left in part.
func (g *gate) ahead() uint64 {
	if !g.open {
		return 0
	}
	return g.left
}

// tooLarge reports whether the frame that has begun with so many bytes can
// never be held whole.
func (g *gate) tooLarge(begun int) bool {
	if g.inHeader() {
		return false
	}
	return uint64(begun)+g.left > bufferSize
}
