package health

import (
	"context"
	"net"
	"testing"
	"time"

	"fermata/internal/lab/port"
)

func TestAFaultTellsAFrozenNodeFromADeadOne(t *testing.T) {
	ended, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	brief := func() context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	frozen, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer frozen.Close()
	f := func(ctx context.Context, o Options, address string, want Fault) {
		t.Helper()
		o.Timeout = limit
		_, err := newProbe(at(address), o)(ctx)
		if got := faultOf(err); err == nil || got != want {
			t.Errorf("%s: got %q (%v), want %q", o.Type, got, err, want)
		}
	}
	connect := Options{Type: TypeTCP}
	for _, o := range []Options{connect, upOptions, reverbOptions} {
		f(t.Context(), o, port.Reserve(t), FaultRefused)
		f(ended, o, "127.0.0.1:1", FaultUnreachable)
	}
	for _, o := range []Options{upOptions, reverbOptions} {
		f(brief(), o, frozen.Addr().String(), FaultNoAnswer)
		f(t.Context(), o, answer(t, "HTTP/1.1 500 Internal Server Error\r\n\r\n"), FaultBadAnswer)
		f(t.Context(), o, answer(t, ""), FaultBadAnswer)
	}
	f(t.Context(), reverbOptions, reverb(t, func(s *session) { s.send(unknownApp) }), FaultBadAnswer)
	waiting, giveUp := context.WithCancel(t.Context())
	f(waiting, reverbOptions, reverb(t, func(s *session) { s.send(established); s.wantPing(t); giveUp(); s.end() }), FaultNoAnswer)
}

func TestThreeFaultsAreOfWhatANodeDelivers(t *testing.T) {
	for _, f := range []Fault{FaultDeaf, FaultMute, FaultCutOff} {
		if !f.Delivery() {
			t.Errorf("%s: got a fault of the node's own checks, want one of its delivery", f)
		}
	}
	for _, f := range []Fault{"", FaultRefused, FaultUnreachable, FaultNoAddress, FaultNoAnswer, FaultBadAnswer} {
		if f.Delivery() {
			t.Errorf("%q: got a fault of its delivery, want one of the node's own checks", f)
		}
	}
}
