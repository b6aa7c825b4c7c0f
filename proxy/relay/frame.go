package relay

import (
	"encoding/binary"
	"unicode/utf8"
)

// The opcodes of RFC 6455 section 5.2.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa
)

// The bits beside the opcode and the length, and the lengths with a meaning.
const (
	bitFIN     = 0x80
	bitMask    = 0x80
	bitControl = 0x8
	maxControl = 125 // payload bytes of a control frame
	length16   = 126
	length64   = 127
)

// The statuses of RFC 6455 section 7.4 that the relay itself needs.
const (
	statusGoingAway = 1001
	statusProtocol  = 1002
	statusNone      = 1005 // stands for a Close frame without a status
	statusTooBig    = 1009
	statusTryAgain  = 1013 // of the registry of IANA
)

const maxReason = maxControl - 2

// A client's frames are masked, a node's are not.
const (
	masked   = true
	unmasked = false
)

// AppendClose appends an unmasked Close frame, as a client may be sent, to b.
// A reason above 123 bytes is cut between two characters. Code 1005, which
// must not be on the wire, makes a frame without status and reason.
func AppendClose(b []byte, code int, reason string) []byte {
	if code == statusNone {
		return append(b, bitFIN|opClose, 0)
	}
	reason = cutReason(reason)
	b = append(b, bitFIN|opClose, byte(2+len(reason)))
	b = binary.BigEndian.AppendUint16(b, uint16(code))
	return append(b, reason...)
}

// appendMaskedClose appends a Close frame as a node may be sent it. Its mask is
// zero: a mask protects from what others have chosen, and here nobody has.
func appendMaskedClose(b []byte, code int) []byte {
	b = append(b, bitFIN|opClose, bitMask|2, 0, 0, 0, 0)
	return binary.BigEndian.AppendUint16(b, uint16(code))
}

// AppendToNode appends a whole frame as a node may be sent it, with an opcode of
// RFC 6455 section 5.2, to b. The mask is zero, as above.
func AppendToNode(b []byte, opcode byte, payload []byte) []byte {
	b = appendHeader(b, bitFIN|opcode, masked, len(payload))
	return append(append(b, 0, 0, 0, 0), payload...)
}

// appendText appends a text message in one frame.
func appendText(b []byte, mask bool, text []byte) []byte {
	if mask {
		return AppendToNode(b, opText, text)
	}
	return append(appendHeader(b, bitFIN|opText, unmasked, len(text)), text...)
}

// appendHeader appends what stands before the mask; first is FIN, RSV, opcode.
func appendHeader(b []byte, first byte, mask bool, length int) []byte {
	bit := byte(0)
	if mask {
		bit = bitMask
	}
	switch {
	case length <= maxControl:
		return append(b, first, bit|byte(length))
	case length <= 0xffff:
		return binary.BigEndian.AppendUint16(append(b, first, bit|length16), uint16(length))
	}
	return binary.BigEndian.AppendUint64(append(b, first, bit|length64), uint64(length))
}

// measure is the length of a frame's header, mask included, and of its payload.
// As long as the header is not all there, head is 0.
func measure(b []byte) (head int, payload uint64) {
	if len(b) < 2 {
		return 0, 0
	}
	lengthEnd := 2
	switch payload = uint64(b[1] &^ bitMask); payload {
	case length16:
		lengthEnd = 4
	case length64:
		lengthEnd = 10
	}
	if head = lengthEnd; b[1]&bitMask != 0 {
		head += 4
	}
	if len(b) < head {
		return 0, 0
	}
	switch lengthEnd {
	case 4:
		payload = uint64(binary.BigEndian.Uint16(b[2:]))
	case 10:
		payload = binary.BigEndian.Uint64(b[2:])
	}
	return head, payload
}

// unmask appends what a client means by a frame's payload to b.
func unmask(b []byte, key [4]byte, payload []byte) []byte {
	from := len(b)
	b = append(b, payload...)
	p := b[from:]
	two := uint64(binary.LittleEndian.Uint32(key[:]))
	two |= two << 32
	for ; len(p) >= 8; p = p[8:] {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^two)
	}
	for i := range p {
		p[i] ^= key[i%4]
	}
	return b
}

func cutReason(s string) string {
	if len(s) <= maxReason {
		return s
	}
	end := maxReason
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}
