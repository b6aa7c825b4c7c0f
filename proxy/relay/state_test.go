package relay

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// elsewhere is a flow that goes on where another one is, as in another process.
func elsewhere(t testing.TB, f *flow, max int64) *flow {
	t.Helper()
	b, err := json.Marshal(f.state())
	if err != nil {
		t.Fatal(err)
	}
	var s flowState
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	next := &flow{gate: gate{follower: newFollower(f.masked, max)}}
	if err := s.restore(next); err != nil {
		t.Fatalf("got %v for %s", err, b)
	}
	return next
}

// What leaves, what is counted and what is refused does not depend on it.
func TestAFlowGoesOnInAnotherProcessWhereverItIs(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		mask, max := rapid.Bool().Draw(rt, "masked"), rapid.SampledFrom([]int64{0, 70000, 1000}).Draw(rt, "max")
		stays := &flow{gate: gate{follower: newFollower(mask, max)}}
		wanders := elsewhere(t, stays, max)
		var space, other buffer
		for _, part := range drawScript(rt, mask).parts {
			want, wantMessages, wantErr := stays.take(&space, copy(space.room(), part))
			got, messages, err := wanders.take(&other, copy(other.room(), part))
			if !bytes.Equal(got, want) || messages != wantMessages || (err == nil) != (wantErr == nil) || err != nil && *err != *wantErr {
				rt.Fatalf("got %d bytes, %d messages, %v, want %d, %d, %v", len(got), messages, err, len(want), wantMessages, wantErr)
			}
			stays.add(len(want), wantMessages)
			wanders.add(len(got), messages)
			if wanders.closed != stays.closed || wanders.status() != stays.status() || wanders.passed != stays.passed {
				rt.Fatalf("got a Close %v with %d after %v, want %v with %d after %v",
					wanders.closed, wanders.status(), wanders.passed, stays.closed, stays.status(), stays.passed)
			}
			if err != nil || stays.closed {
				return // nothing of that is handed over
			}
			wanders = elsewhere(t, wanders, max)
		}
	})
}

// A field of a later version is no reason to lose a client, nor is one of an earlier one
// that is missing.
func TestTheStateOfAnotherVersionIsRead(t *testing.T) {
	for _, text := range []string{`{}`, `{"to_node": {"mood": "good"}, "later": [1, 2]}`} {
		s, err := readState([]byte(text))
		if err != nil {
			t.Errorf("%s: got %v, want no error", text, err)
		}
		for _, of := range []flowState{s.ToNode, s.ToClient} {
			if err := of.restore(newFlow(masked)); err != nil {
				t.Errorf("%s: got %v, want no error", text, err)
			}
		}
	}
}

// FuzzState takes over relays with any state. What passes then need make no sense, but
// a flow holds no more than it may.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"to_node": {"inside": true, "message": 60}, "pings": {"owed": 1, "token": "AAECAwQFBgc="}}`), []byte("\x80\x81\x00\x00\x00\x00x"))
	f.Add([]byte(`{"to_client": {"left": 3, "message": 40000, "first": 1}, "idle_left_ms": -1}`), []byte("abc\x81\x00"))
	f.Add([]byte(`{"to_client": {"held": "iAI=", "message": 2, "inside": true}}`), []byte("\x03\xe8"))
	f.Fuzz(func(t *testing.T, b, next []byte) {
		s, err := readState(b)
		if err != nil {
			return
		}
		for mask, of := range map[bool]*flowState{masked: &s.ToNode, unmasked: &s.ToClient} {
			flow := newFlow(mask)
			if err := of.restore(flow); err != nil {
				if !errors.Is(err, errState) {
					t.Errorf("got %v, want errState", err)
				}
				continue
			}
			fuzzFlow(t, flow, next)
		}
	})
}

func fuzzFlow(t *testing.T, f *flow, next []byte) {
	var space buffer
	ready, _, bad := f.take(&space, copy(space.room(), next))
	switch {
	case len(f.held) > bufferSize+len(next):
		t.Errorf("got %d bytes held, want at most %d", len(f.held), bufferSize+len(next))
	case f.closed && f.closeSize() > len(ready):
		t.Errorf("got a Close frame of %d bytes in %d", f.closeSize(), len(ready))
	case bad == nil && !f.closed:
		elsewhere(t, f, 0)
	}
}
