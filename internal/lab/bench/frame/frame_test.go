package frame

import (
	"bytes"
	"testing"
)

var sizes = []int{0, 1, 125, 126, 65535, 65536}

func TestFramesComeBackAsTheyWereMade(t *testing.T) {
	for _, size := range sizes {
		payload := bytes.Repeat([]byte("é"), size)[:size]
		both := AppendMasked(nil, Text, payload, [4]byte{1, 2, 3, 4})
		both = Append(both, Ping, payload)
		first, rest, ok := Next(both)
		if !ok || first.Opcode != Text || !bytes.Equal(first.Payload, payload) {
			t.Errorf("size %d: got opcode %d, %d bytes, %v, want what was masked", size, first.Opcode, len(first.Payload), ok)
		}
		second, rest, ok := Next(rest)
		if !ok || second.Opcode != Ping || !bytes.Equal(second.Payload, payload) || len(rest) != 0 {
			t.Errorf("size %d: got opcode %d, %d bytes, %v, %d bytes more, want the ping alone", size, second.Opcode, len(second.Payload), ok, len(rest))
		}
	}
}

func TestACutFrameWaitsForItsRest(t *testing.T) {
	for _, size := range sizes {
		whole := AppendMasked(nil, Text, make([]byte, size), [4]byte{1, 2, 3, 4})
		for cut := range min(len(whole), 20) {
			if _, rest, ok := Next(whole[:cut]); ok || len(rest) != cut {
				t.Errorf("size %d cut at %d: got a frame (%v) and %d bytes, want all kept", size, cut, ok, len(rest))
			}
		}
		if _, _, ok := Next(whole[:len(whole)-1]); ok {
			t.Errorf("size %d: got a frame without its last byte", size)
		}
	}
}
