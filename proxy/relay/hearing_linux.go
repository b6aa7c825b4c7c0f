package relay

import "slices"

// hearing is that a relay's mover is shown what the node sends. Frames are held
// in it until they are whole, in place of the flow.
type hearing struct {
	fromNode []byte // with which nothing was done yet: the start of a frame or, behind a move's last message, anything
	maxFrame uint64
	late     []Mover // of holds that have ended, which still hide what they have asked for
}

// hears is nil when nobody is shown anything.
func (c *epollRelay) hears() *hearing {
	if c.rare == nil {
		return nil
	}
	return c.rare.hearing
}

// beginHearing takes a frame that is not whole yet back from the flow.
func (c *epollRelay) beginHearing(maxFrame int) {
	if c.rare.hearing == nil {
		c.rare.hearing = &hearing{fromNode: c.toClient.takeBack()}
	}
	h := c.rare.hearing
	h.maxFrame = max(h.maxFrame, uint64(maxFrame))
}

// hear shows what has come from the node, as far as frames are whole, and has
// pass what may. When nobody wants to hear any more, the flow gets the rest.
func (c *epollRelay) hear() {
	for h := c.hears(); h != nil && !c.pausesNode() && !c.toClient.dropping; h = c.hears() {
		if m := c.moving(); len(h.late) == 0 && (m == nil || !m.begun) {
			c.rare.hearing = nil
			c.replay(h.fromNode)
			return
		}
		piece := h.piece(c.toClient.ahead())
		if len(piece) == 0 {
			return
		}
		h.fromNode = h.fromNode[len(piece):]
		c.hearPiece(h, piece)
	}
}

// piece is a whole frame, or a part of one that is passed on as it comes, with
// ahead bytes still to come; nil: more must come first.
func (h *hearing) piece(ahead uint64) []byte {
	b := h.fromNode
	if ahead > 0 {
		return b[:min(ahead, uint64(len(b)))]
	}
	head, payload := measure(b)
	size := uint64(head) + min(payload, 1<<62) // which does not overflow
	if head == 0 || size <= h.maxFrame && size > uint64(len(b)) {
		return nil
	}
	return b[:min(size, uint64(len(b)))]
}

func (c *epollRelay) hearPiece(h *hearing, piece []byte) {
	begins := !c.toClient.open
	leave, messages, err := c.toClient.pass(0, piece)
	bad, _ := err.(*ProtocolError)
	if bad != nil || c.toClient.closed {
		h.fromNode = nil // is of no use
	}
	if begins && bad == nil && !c.toClient.open && piece[0] == bitFIN|opText {
		head, _ := measure(piece)
		if !c.passes(h, piece[head:]) {
			return
		}
	}
	c.toClientLeaves(piece[:leave], messages, bad)
}

// passes asks whether the client gets a text message, those first who have asked
// the node first.
func (c *epollRelay) passes(h *hearing, text []byte) bool {
	for i := 0; i < len(h.late); i++ {
		pass, last := h.late[i].FromNode(text)
		if last {
			h.late = slices.Delete(h.late, i, i+1)
			i--
		}
		if !pass {
			return false
		}
	}
	m := c.moving()
	if m == nil || !m.begun {
		return true
	}
	pass, last := m.mover.FromNode(text)
	c.shard.woken = true
	m.last = last
	return pass
}
