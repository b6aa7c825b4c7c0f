package relay

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

// appendFrame appends one frame to b; first is FIN, RSV and opcode.
func appendFrame(b []byte, first byte, mask bool, payload []byte) []byte {
	b = appendHeader(b, first, mask, len(payload))
	if !mask {
		return append(b, payload...)
	}
	key := [4]byte{0xde, 0xad, 0xbe, 0xef}
	b = append(b, key[:]...)
	for i, c := range payload {
		b = append(b, c^key[i%4])
	}
	return b
}

// text is one whole text message.
func text(mask bool, payload string) []byte {
	return appendFrame(nil, bitFIN|opText, mask, []byte(payload))
}

// binaryOf is one whole binary message of n bytes.
func binaryOf(mask bool, n int) []byte {
	payload := make([]byte, n)
	for i := range payload {
		payload[i] = byte(i * 7)
	}
	return appendFrame(nil, bitFIN|opBinary, mask, payload)
}

// closing frames of either side.
func closeFrame(mask bool, code int, reason string) []byte {
	return appendFrame(nil, bitFIN|opClose, mask, append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...))
}

func join(frames ...[]byte) []byte { return bytes.Join(frames, nil) }

// nextFrame reads one unmasked frame, as it was on the wire.
func nextFrame(r io.Reader) ([]byte, error) {
	frame := make([]byte, 2, 16)
	if _, err := io.ReadFull(r, frame); err != nil {
		return nil, err
	}
	extra := map[byte]int{length16: 2, length64: 8}[frame[1]]
	frame = append(frame, make([]byte, extra)...)
	if _, err := io.ReadFull(r, frame[2:]); err != nil {
		return frame, noEOF(err)
	}
	n := uint64(frame[1])
	switch extra {
	case 2:
		n = uint64(binary.BigEndian.Uint16(frame[2:]))
	case 8:
		n = binary.BigEndian.Uint64(frame[2:])
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(r, payload); err != nil {
		return frame, noEOF(err)
	}
	return append(frame, payload...), nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func isClose(frame []byte) bool { return frame[0]&0x0f == opClose }

func TestAppendCloseMakesAnUnmaskedFrame(t *testing.T) {
	f := func(code int, reason string, want []byte) {
		t.Helper()
		if got := AppendClose([]byte("x"), code, reason); !bytes.Equal(got, append([]byte("x"), want...)) {
			t.Errorf("AppendClose(%d, %q): got % x, want x and % x", code, reason, got, want)
		}
	}
	f(1000, "", []byte{0x88, 2, 0x03, 0xe8})
	f(4200, "moved", append([]byte{0x88, 7, 0x10, 0x68}, "moved"...))
	f(1005, "not on the wire", []byte{0x88, 0})
	f(1001, strings.Repeat("a", 124), append([]byte{0x88, 125, 0x03, 0xe9}, strings.Repeat("a", 123)...))
}

func TestAppendCloseCutsAReasonBetweenCharacters(t *testing.T) {
	for _, char := range []string{"a", "é", "€", "😀"} {
		for shift := range 4 {
			whole := strings.Repeat("x", shift) + strings.Repeat(char, 124)
			t.Run(fmt.Sprint(char, shift), func(t *testing.T) {
				reason := string(AppendClose(nil, 1001, whole)[4:])
				if !utf8.ValidString(reason) || !strings.HasPrefix(whole, reason) {
					t.Errorf("got %q, want whole characters of %q", reason, whole)
				}
				if n := len(reason); n > 123 || n <= 123-len(char) {
					t.Errorf("got %d bytes, want as many as go into 123", n)
				}
			})
		}
	}
}
