package relay

import (
	"bytes"
	"errors"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

func TestTheFollowersStateIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(follower{}); size > 32 {
		t.Errorf("got %d bytes, want 32 at most, there are two for each client", size)
	}
}

func TestTheFollowerAllocatesNothing(t *testing.T) {
	stream := join(text(masked, "a"), binaryOf(masked, 300), text(masked, "b"))
	f := newFollower(masked, 0)
	if n := testing.AllocsPerRun(100, func() { f.follow(stream) }); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

func TestTheFollowerRefusesWhatTheProtocolForbids(t *testing.T) {
	f := func(name string, mask bool, max int64, code int, good, bad []byte) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			fl := newFollower(mask, max)
			boundary, _, err := fl.follow(join(good, bad))
			var got *ProtocolError
			if !errors.As(err, &got) || got.Code != code {
				t.Errorf("got error %v, want one of code %d", err, code)
			}
			if boundary != len(good) {
				t.Errorf("got boundary %d, want %d, where the bad frame begins", boundary, len(good))
			}
		})
	}
	ok := text(masked, "fine")
	for _, c := range malformedByClient() {
		f(c.name, masked, 0, 1002, append(ok, c.before...), c.bad)
	}
	f("a mask from the node", unmasked, 0, 1002, text(unmasked, "fine"), text(masked, "x"))
	f("a large message", masked, 10, 1009, ok, text(masked, "elevenbytes"))
	f("large fragments", masked, 10, 1009,
		join(ok, appendFrame(nil, opText, masked, []byte("123456")), appendFrame(nil, bitFIN|opPing, masked, []byte("123456"))),
		appendFrame(nil, bitFIN|opContinuation, masked, []byte("12345")))
}

type malformedFrame struct {
	name        string
	before, bad []byte
}

// malformedByClient is one frame of each kind that RFC 6455 forbids.
func malformedByClient() []malformedFrame {
	begun := appendFrame(nil, opText, masked, []byte("part"))
	return []malformedFrame{
		{"opcode 3", nil, appendFrame(nil, bitFIN|0x3, masked, nil)},
		{"opcode 7", nil, appendFrame(nil, bitFIN|0x7, masked, nil)},
		{"opcode 11", nil, appendFrame(nil, bitFIN|0xb, masked, nil)},
		{"opcode 15", nil, appendFrame(nil, bitFIN|0xf, masked, nil)},
		{"a large ping", nil, appendFrame(nil, bitFIN|opPing, masked, make([]byte, 126))},
		{"a fragmented ping", nil, appendFrame(nil, opPing, masked, nil)},
		{"half a status", nil, appendFrame(nil, bitFIN|opClose, masked, []byte{3})},
		{"a continuation of nothing", nil, appendFrame(nil, bitFIN|opContinuation, masked, nil)},
		{"a message inside of a message", begun, text(masked, "x")},
		{"no mask", nil, text(unmasked, "x")},
		{"two bytes for 125", nil, []byte{bitFIN | opText, bitMask | length16, 0, 125}},
		{"eight bytes for 65535", nil, []byte{bitFIN | opText, bitMask | length64, 0, 0, 0, 0, 0, 0, 0xff, 0xff}},
		{"64 bits", nil, []byte{bitFIN | opText, bitMask | length64, 0x80, 0, 0, 0, 0, 0, 0, 0}},
	}
}

func TestTheFollowerReadsTheStatusOfAClose(t *testing.T) {
	f := func(mask bool, frame []byte, want int) {
		t.Helper()
		fl := newFollower(mask, 0)
		if boundary, _, err := fl.follow(frame); err != nil || boundary != len(frame) || !fl.closed {
			t.Fatalf("got boundary %d, closed %v, error %v", boundary, fl.closed, err)
		}
		if got := fl.status(); got != want {
			t.Errorf("got status %d, want %d", got, want)
		}
	}
	f(masked, closeFrame(masked, 4200, "moved"), 4200)
	f(unmasked, closeFrame(unmasked, 1000, ""), 1000)
	f(masked, appendFrame(nil, bitFIN|opClose, masked, nil), 1005)
	f(unmasked, AppendClose(nil, 1005, ""), 1005)
}

func TestTheFollowerEndsAtAClose(t *testing.T) {
	end := closeFrame(unmasked, 1000, "")
	f := newFollower(unmasked, 0)
	boundary, messages, err := f.follow(join(end, text(unmasked, "x"), []byte("junk")))
	if boundary != len(end) || messages != 0 || err != nil {
		t.Errorf("got boundary %d, %d messages, error %v; want %d, none, none", boundary, messages, err, len(end))
	}
	if boundary, _, err = f.follow([]byte("more junk")); boundary != 0 || err != nil {
		t.Errorf("got boundary %d, error %v; want 0 and none", boundary, err)
	}
}

func TestTheFollowerSumsFragmentsOnlyWithinAMessage(t *testing.T) {
	f := newFollower(unmasked, 10)
	stream := bytes.Repeat(text(unmasked, "tenletters"), 3)
	if _, messages, err := f.follow(stream); messages != 3 || err != nil {
		t.Errorf("got %d messages, error %v; want 3 and none", messages, err)
	}
}

// framed is a well-formed stream and what is true of it.
type framed struct {
	bytes      []byte
	boundaries []int // 0 and the end included
	messages   []int // complete ones at each boundary
}

// drawFrames makes a stream without a Close frame.
func drawFrames(t *rapid.T, mask bool) framed {
	s := framed{boundaries: []int{0}, messages: []int{0}}
	inside := false
	for range rapid.IntRange(0, 12).Draw(t, "frames") {
		size := rapid.OneOf(rapid.IntRange(0, 130), rapid.SampledFrom([]int{65535, 65536, 70000})).Draw(t, "size")
		first := rapid.SampledFrom([]byte{opContinuation, bitFIN | opContinuation, bitFIN | opPing, bitFIN | opPong}).Draw(t, "first")
		messages := s.messages[len(s.messages)-1]
		if first&bitControl != 0 {
			size = min(size, maxControl)
		} else {
			if !inside {
				first |= rapid.SampledFrom([]byte{opText, opBinary, 0x40 | opText}).Draw(t, "kind")
			}
			if inside = first&bitFIN == 0; !inside {
				messages++
			}
		}
		s.bytes = appendFrame(s.bytes, first, mask, make([]byte, size))
		s.boundaries = append(s.boundaries, len(s.bytes))
		s.messages = append(s.messages, messages)
	}
	return s
}

// until is the index of the last boundary at or before n.
func (s framed) until(n int) int {
	i := 0
	for i+1 < len(s.boundaries) && s.boundaries[i+1] <= n {
		i++
	}
	return i
}

// cutAnywhere cuts b into reads.
func cutAnywhere(t *rapid.T, b []byte) (parts [][]byte) {
	for len(b) > 0 {
		n := min(len(b), rapid.OneOf(rapid.IntRange(1, 20), rapid.IntRange(1, 40000)).Draw(t, "read"))
		parts, b = append(parts, b[:n]), b[n:]
	}
	return parts
}

func TestTheFollowerKnowsTheRealBoundariesHoweverTheyAreCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mask := rapid.Bool().Draw(t, "masked")
		s := drawFrames(t, mask)
		f := newFollower(mask, 0)
		fed, messages := 0, 0
		for _, part := range cutAnywhere(t, s.bytes) {
			boundary, n, err := f.follow(part)
			if err != nil {
				t.Fatalf("got error %v at %d", err, fed)
			}
			messages += n
			i := s.until(fed + len(part))
			want := max(s.boundaries[i]-fed, -1)
			if boundary != want {
				t.Fatalf("fed %d of %d after %d: got boundary %d, want %d", len(part), len(s.bytes), fed, boundary, want)
			}
			if messages != s.messages[i] {
				t.Fatalf("got %d messages, want %d", messages, s.messages[i])
			}
			fed += len(part)
			if at := s.boundaries[i] == fed; f.atBoundary() != at {
				t.Fatalf("got at boundary %v at %d, want %v", f.atBoundary(), fed, at)
			}
		}
	})
}

func FuzzFollower(f *testing.F) {
	f.Add(join(text(masked, "a"), appendFrame(nil, opText, masked, nil), closeFrame(masked, 1000, "bye")), true, uint16(0))
	f.Add(binaryOf(unmasked, 300), false, uint16(200))
	for _, c := range malformedByClient() {
		f.Add(join(c.before, c.bad), true, uint16(0))
	}
	f.Fuzz(func(t *testing.T, b []byte, mask bool, max uint16) {
		once, bytewise := newFollower(mask, int64(max)), newFollower(mask, int64(max))
		boundary, messages, err := once.follow(b)
		wantBoundary, wantMessages := -1, 0
		var wantErr error
		if len(b) == 0 {
			wantBoundary = 0
		}
		for i := 0; i < len(b) && wantErr == nil; i++ {
			closed := bytewise.closed
			var at, n int
			at, n, wantErr = bytewise.follow(b[i : i+1])
			if at >= 0 && !closed {
				wantBoundary = i + at
			}
			wantMessages += n
		}
		if boundary != wantBoundary || messages != wantMessages || (err == nil) != (wantErr == nil) {
			t.Fatalf("at once: boundary %d, %d messages, error %v; by bytes: %d, %d, %v",
				boundary, messages, err, wantBoundary, wantMessages, wantErr)
		}
		if err == nil && once != bytewise {
			t.Fatalf("at once: state %+v; by bytes: %+v", once, bytewise)
		}
		if err != nil && err.Error() != wantErr.Error() {
			t.Fatalf("at once: %v; by bytes: %v", err, wantErr)
		}
	})
}
