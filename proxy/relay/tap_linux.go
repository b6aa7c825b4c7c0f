package relay

// show shows the tap what is about to leave for the node, and returns what
// leaves in its place. b consists of whole frames, but for its first ahead bytes
// and its end, see pings.heard.
func (c *epollRelay) show(b []byte, ahead uint64) []byte {
	tap := c.owner.(Tap)
	var changed []byte
	kept := 0 // of b, in changed
	for at := int(min(ahead, uint64(len(b)))); at < len(b); {
		frame := firstFrame(b[at:])
		if instead := c.showFrame(tap, frame); instead != nil {
			changed = appendText(append(changed, b[kept:at]...), masked, instead)
			kept = at + len(frame)
		}
		at += len(frame)
	}
	if changed == nil {
		return b
	}
	return append(changed, b[kept:]...)
}

// showFrame returns what the node gets for the frame's text; nil: the frame.
func (c *epollRelay) showFrame(tap Tap, frame []byte) (instead []byte) {
	if opcode := frame[0] & 0x0f; opcode >= opClose || opcode == opContinuation {
		return nil
	}
	head, payload := measure(frame)
	if frame[0] != bitFIN|opText || uint64(head)+payload > bufferSize {
		tap.Missed()
		return nil
	}
	key := [4]byte(frame[head-4:])
	return tap.FromClient(unmask(c.shard.space.text[:0], key, frame[head:]))
}
