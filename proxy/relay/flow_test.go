package relay

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// through is what leaves a flow that gets b in these parts.
func through(t testing.TB, f *flow, parts ...[]byte) (left []byte, messages int) {
	t.Helper()
	var space buffer
	for _, part := range parts {
		ready, n, bad := f.take(&space, copy(space.room(), part))
		if bad != nil {
			t.Fatal(bad)
		}
		left = append(left, ready...)
		messages += n
	}
	return left, messages
}

func newFlow(mask bool) *flow { return &flow{gate: gate{follower: newFollower(mask, 0)}} }

func TestAFlowPassesWholeFramesHoweverTheyAreCut(t *testing.T) {
	stream := join(text(masked, "a"), binaryOf(masked, 130), appendFrame(nil, bitFIN|opPing, masked, nil))
	for i := range stream {
		for j := i; j < len(stream); j++ {
			f := newFlow(masked)
			left, messages := through(t, f, stream[:i], stream[i:j], stream[j:])
			if !bytes.Equal(left, stream) || messages != 2 || f.held != nil {
				t.Fatalf("cut at %d and %d: got %d bytes and %d messages, %d held", i, j, len(left), messages, len(f.held))
			}
		}
	}
}

func TestAFlowHoldsOneFrameAtMostAndNothingAtABoundary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawFrames(t, unmasked)
		f := newFlow(unmasked)
		var space buffer
		fed, left := 0, 0
		for _, part := range cutAnywhere(t, s.bytes) {
			ready, _, bad := f.take(&space, copy(space.room(), part))
			if bad != nil || !bytes.Equal(ready, s.bytes[left:left+len(ready)]) {
				t.Fatalf("after %d bytes: got others than were sent, or error %v", left, bad)
			}
			fed, left = fed+len(part), left+len(ready)
			boundary := s.boundaries[s.until(fed)]
			switch {
			case left+len(f.held) != fed:
				t.Fatalf("fed %d bytes: %d have left and %d are held", fed, left, len(f.held))
			case len(f.held) > bufferSize:
				t.Fatalf("%d bytes are held, want at most %d", len(f.held), bufferSize)
			case f.open != (left > boundary), !f.open && left != boundary:
				t.Fatalf("fed %d bytes: %d have left, open %v; the last boundary is at %d", fed, left, f.open, boundary)
			}
		}
		if left != len(s.bytes) {
			t.Errorf("%d bytes have left, want %d", left, len(s.bytes))
		}
	})
}

func TestAFlowStopsAtTheNextBoundaryForAClose(t *testing.T) {
	f := newFlow(unmasked)
	large := binaryOf(unmasked, 2*bufferSize)
	half := len(large) / 2
	through(t, f, large[:half])
	f.last = true
	if left, _ := through(t, f, large[half:half+9]); len(left) != 9 || !f.open {
		t.Errorf("of the frame that has begun: got %d bytes, open %v; want 9, true", len(left), f.open)
	}
	if left, _ := through(t, f, join(large[half+9:], large[:half])); !bytes.Equal(left, large[half+9:]) || f.open {
		t.Errorf("got %d bytes, open %v; want the rest of the frame, and nothing of the next", len(left), f.open)
	}
}

func TestAFlowPassesALargeFrameAsItComes(t *testing.T) {
	f := newFlow(unmasked)
	large := binaryOf(unmasked, bufferSize+1)
	if left, _ := through(t, f, large[:3]); len(left) != 0 {
		t.Errorf("half a header: got % x, want nothing", left)
	}
	if left, _ := through(t, f, large[3:20]); !bytes.Equal(left, large[:20]) || !f.open {
		t.Errorf("got %d bytes, open %v; want all 20", len(left), f.open)
	}
	if left, messages := through(t, f, large[20:]); !bytes.Equal(left, large[20:]) || f.open || messages != 1 {
		t.Errorf("got %d bytes, open %v, %d messages; want the rest and one", len(left), f.open, messages)
	}
}

func TestAFlowPassesNothingAfterACloseOrAnError(t *testing.T) {
	f := newFlow(unmasked)
	last := join(text(unmasked, "x"), closeFrame(unmasked, 1000, ""))
	if left, _ := through(t, f, join(last, text(unmasked, "y"))); !bytes.Equal(left, last) || f.held != nil {
		t.Errorf("got % x, %d held; want % x", left, len(f.held), last)
	}
	f = newFlow(unmasked)
	var space buffer
	n := copy(space.room(), join(text(unmasked, "x"), text(masked, "bad")))
	ready, _, bad := f.take(&space, n)
	if !bytes.Equal(ready, text(unmasked, "x")) || bad == nil || f.held != nil {
		t.Errorf("got % x, error %v, %d held", ready, bad, len(f.held))
	}
}
