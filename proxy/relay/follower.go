package relay

import "fmt"

// ProtocolError is a frame that RFC 6455, or Options.MaxMessage, forbids.
type ProtocolError struct {
	Code   int // what its sender is closed with: 1002 or 1009
	Reason string
}

func (e *ProtocolError) Error() string { return fmt.Sprintf("%s (%d)", e.Reason, e.Code) }

// follower tracks the WebSocket frames of one direction by their headers,
// however the bytes are cut into reads. It keeps no payload and changes none;
// RSV bits are an extension's business and pass. It ends at a Close frame:
// RFC 6455 section 5.5.1 allows nothing behind it.
//
// Only newFollower makes one. After an error it is of no further use.
type follower struct {
	left    uint64 // payload still to come; within a header: the length as far as it is read
	message uint64 // payload of the data message under way, this frame included; in the end, of the Close frame
	max     uint64 // of message; 0: any
	code    uint16 // first the start of this frame's mask, then, in a Close frame, the status
	first   byte   // of this frame: FIN, RSV, opcode
	read    uint8  // bytes of this header, and of a status behind it; 0: at a boundary
	head    uint8  // length of this header, as far as it is known
	masked  bool   // what every frame of this direction must be
	inside  bool   // a fragmented message is under way
	closed  bool   // a Close frame has passed
}

// newFollower follows the frames that a client sends (masked) or gets (not
// masked). max bounds a data message's payload, fragments together; 0: any.
func newFollower(masked bool, max int64) follower {
	return follower{masked: masked, max: uint64(max), head: 2}
}

// follow takes the next bytes. boundary is the offset in b of the last frame
// boundary, len(b) included, and -1 when b is all inside of one frame; behind
// a Close frame it stays. messages is how many data messages b completes, a
// fragmented one counting once. An error is a *ProtocolError, found in a
// header; boundary is then where the bad frame begins, or -1 when it began
// before b. So who holds headers back until they are whole forwards nothing
// of a bad frame.
func (f *follower) follow(b []byte) (boundary, messages int, err error) {
	boundary = -1
	if f.atBoundary() {
		boundary = 0
	}
	for i := 0; i < len(b) && !f.closed; {
		if !f.inHeader() {
			i += f.payload(b[i:])
		} else if err = f.header(b[i]); err != nil {
			return boundary, messages, err
		} else {
			i++
		}
		if f.left == 0 && !f.inHeader() {
			messages += f.endFrame()
			boundary = i
		}
	}
	return boundary, messages, nil
}

// rewind goes back to where the frame began that is under way, as if nothing of
// it had been followed. It is for directions without a limit.
func (f *follower) rewind() { f.left, f.read, f.head = 0, 0, 2 }

// atBoundary reports whether the bytes so far end with a whole frame.
func (f *follower) atBoundary() bool { return f.read == 0 }

// inHeader reports whether the next byte belongs to a header.
func (f *follower) inHeader() bool { return f.read < f.head }

// status is the status of the Close frame that has passed, 1005 when it had
// none, and 0 when no Close frame has passed.
func (f *follower) status() int {
	if !f.closed {
		return 0
	}
	return int(f.code)
}

// closeSize is the length of the Close frame that has passed, its header included.
func (f *follower) closeSize() int {
	if f.masked {
		return maskedHead + int(f.message)
	}
	return 2 + int(f.message)
}

// header takes the next byte of a header: two fixed bytes, the rest of the
// length, the mask.
func (f *follower) header(c byte) error {
	f.read++
	switch f.read {
	case 1:
		return f.startFrame(c)
	case 2:
		return f.startLength(c)
	}
	lengthEnd := f.head
	if f.masked {
		lengthEnd -= 4
	}
	switch {
	case f.read < lengthEnd:
		f.left = f.left<<8 | uint64(c)
	case f.read == lengthEnd:
		f.left = f.left<<8 | uint64(c)
		return f.checkLength(lengthEnd)
	case f.read <= lengthEnd+2:
		f.code = f.code<<8 | uint16(c)
	}
	return nil
}

func (f *follower) startFrame(c byte) error {
	f.first, f.code = c, 0
	switch op := f.opcode(); {
	case op == opContinuation && !f.inside:
		return malformed("continuation of no message")
	case (op == opText || op == opBinary) && f.inside:
		return malformed("new message inside of a fragmented one")
	case op >= opClose && op <= opPong && !f.final():
		return malformed("fragmented control frame")
	case op > opBinary && op < opClose, op > opPong:
		return malformed(fmt.Sprintf("reserved opcode %#x", op))
	}
	return nil
}

func (f *follower) startLength(c byte) error {
	n := c &^ bitMask
	switch {
	case f.masked && c == n:
		return malformed("frame without a mask")
	case !f.masked && c != n:
		return malformed("frame with a mask")
	case f.control() && n > maxControl:
		return malformed("control frame above 125 bytes")
	case f.opcode() == opClose && n == 1:
		return malformed("half a status in a Close frame")
	}
	if f.masked {
		f.head += 4
	}
	if f.opcode() == opClose {
		f.message = uint64(n) // of which there is no more to come
	}
	switch f.left = 0; n {
	case length16:
		f.head += 2
	case length64:
		f.head += 8
	default:
		f.left = uint64(n)
		return f.checkSize()
	}
	return nil
}

// checkLength looks at a length of two or eight bytes; lengthEnd is where it
// ends in the header.
func (f *follower) checkLength(lengthEnd uint8) error {
	switch {
	case f.left>>63 != 0:
		return malformed("length above 63 bits")
	case lengthEnd == 4 && f.left < length16, lengthEnd == 10 && f.left>>16 == 0:
		return malformed("length in more bytes than it needs")
	}
	return f.checkSize()
}

func (f *follower) checkSize() error {
	if f.control() {
		return nil
	}
	f.message += f.left
	if f.max > 0 && f.message > f.max {
		return &ProtocolError{statusTooBig, fmt.Sprintf("message above %d bytes", f.max)}
	}
	return nil
}

// payload passes over what b has of this frame's payload.
func (f *follower) payload(b []byte) int {
	n := int(min(f.left, uint64(len(b))))
	if f.opcode() == opClose {
		f.readStatus(b[:n])
	}
	f.left -= uint64(n)
	return n
}

// readStatus takes the mask off the first two bytes of a Close frame.
func (f *follower) readStatus(b []byte) {
	for _, c := range b {
		switch f.read - f.head {
		case 0:
			f.code ^= uint16(c) << 8
		case 1:
			f.code ^= uint16(c)
		default:
			return
		}
		f.read++
	}
}

// endFrame gets ready for the next frame, and counts the message that ended.
func (f *follower) endFrame() (messages int) {
	switch {
	case f.opcode() == opClose:
		f.closed = true
		if f.read == f.head {
			f.code = statusNone
		}
	case !f.control():
		f.inside = !f.final()
		if f.final() {
			f.message, messages = 0, 1
		}
	}
	f.read, f.head = 0, 2
	return messages
}

func (f *follower) opcode() byte  { return f.first & 0x0f }
func (f *follower) final() bool   { return f.first&bitFIN != 0 }
func (f *follower) control() bool { return f.first&bitControl != 0 }

func malformed(reason string) error { return &ProtocolError{statusProtocol, reason} }
