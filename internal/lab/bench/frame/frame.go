// Package frame has just enough of RFC 6455 for the benchmark: whole frames
// in one buffer, made and read at the price of a copy.
package frame

import "encoding/binary"

// Opcodes that the benchmark meets.
const (
	Text  = 0x1
	Close = 0x8
	Ping  = 0x9
	Pong  = 0xA
)

const (
	fin    = 0x80
	masked = 0x80
)

// Frame is one frame, its payload unmasked.
type Frame struct {
	Opcode  byte
	Payload []byte
}

// Append adds a node's frame to dst.
func Append(dst []byte, opcode byte, payload []byte) []byte {
	return append(header(dst, opcode, 0, len(payload)), payload...)
}

// AppendMasked adds a client's frame to dst.
func AppendMasked(dst []byte, opcode byte, payload []byte, key [4]byte) []byte {
	dst = append(header(dst, opcode, masked, len(payload)), key[:]...)
	at := len(dst)
	dst = append(dst, payload...)
	Mask(dst[at:], key)
	return dst
}

func header(dst []byte, opcode, mask byte, size int) []byte {
	dst = append(dst, fin|opcode)
	switch {
	case size < 126:
		return append(dst, mask|byte(size))
	case size < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, mask|126), uint16(size))
	}
	return binary.BigEndian.AppendUint64(append(dst, mask|127), uint64(size))
}

// Mask masks or unmasks a payload from its first byte on.
func Mask(p []byte, key [4]byte) {
	for i := range p {
		p[i] ^= key[i&3]
	}
}

// Next takes the first frame off buf, unmasking it in place. Where buf holds
// no whole frame, ok is false and rest is buf.
func Next(buf []byte) (f Frame, rest []byte, ok bool) {
	if len(buf) < 2 {
		return f, buf, false
	}
	size, at := uint64(buf[1]&^masked), 2
	switch {
	case size == 126 && len(buf) >= 4:
		size, at = uint64(binary.BigEndian.Uint16(buf[2:])), 4
	case size == 127 && len(buf) >= 10:
		size, at = binary.BigEndian.Uint64(buf[2:]), 10
	case size > 125:
		return f, buf, false
	}
	if buf[1]&masked != 0 {
		at += 4
	}
	if len(buf) < at || uint64(len(buf)-at) < size {
		return f, buf, false
	}
	f = Frame{Opcode: buf[0] & 0xF, Payload: buf[at : at+int(size)]}
	if buf[1]&masked != 0 {
		Mask(f.Payload, [4]byte(buf[at-4:at]))
	}
	return f, buf[at+int(size):], true
}
