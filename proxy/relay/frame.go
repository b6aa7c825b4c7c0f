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
