package relay

// readSize is how much is read from a leg at once.
const readSize = 64 << 10

// buffer is what a shard reads into. It has room in front of what is read, so
// that a frame whose beginning was held becomes whole without a move.
type buffer [bufferSize + readSize]byte

// room is where what is read goes.
func (b *buffer) room() []byte { return b[bufferSize:] }

// behind puts held in front of the n bytes that were read.
func (b *buffer) behind(held []byte, n int) []byte {
	from := bufferSize - len(held)
	copy(b[from:], held)
	return b[from : bufferSize+n]
}

// flow is one direction of a relay. It holds at most bufferSize bytes, and
// nothing at rest.
type flow struct {
	gate
	passed
	held []byte // the frame that is not whole yet, from its beginning
}

// takeBack returns the beginning of a frame that is not whole yet, which the flow
// has then never seen. It is for directions without a limit.
func (f *flow) takeBack() (begun []byte) {
	begun, f.held = f.held, nil
	if !f.open {
		f.rewind()
	}
	return begun
}

// drop lets nothing pass any more.
func (f *flow) drop() { f.dropping, f.held = true, nil }

// passed counts what has passed.
type passed struct{ bytes, messages int64 }

func (p *passed) add(bytes, messages int) {
	p.bytes += int64(bytes)
	p.messages += int64(messages)
}

// take takes the n bytes that were read into b, and returns what may leave,
// which is valid until the next read, and how many messages that completes.
// What may leave may do so in
// spite of a *ProtocolError.
func (f *flow) take(b *buffer, n int) (ready []byte, messages int, bad *ProtocolError) {
	leave, messages, err := f.pass(len(f.held), b.room()[:n])
	if err != nil || f.closed {
		bad, _ = err.(*ProtocolError)
		ready, f.held = b.behind(f.held, n)[:leave], nil
		return ready, messages, bad
	}
	if leave == 0 {
		f.held = append(f.held, b.room()[:n]...)
		return nil, 0, nil
	}
	all := b.behind(f.held, n)
	f.held = append([]byte(nil), all[leave:]...)
	return all[:leave], messages, nil
}
