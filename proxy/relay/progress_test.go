package relay

import (
	"testing"
	"time"
)

// testProgress is about what is still under way when a relay begins to end. The
// bounds are short, and what passes takes longer than them.
func testProgress(t *testing.T, l legs) {
	const within = time.Second
	drain := Close{Code: 4200, Reason: "drained", By: ByDrain}
	short := func(p *Pair) { p.Options.Close = within }

	t.Run("ALargeFrameThatPassesIsNotLateForADrain", func(t *testing.T) {
		takesSeconds(t)
		r := l.start(t, short)
		large := binaryOf(unmasked, 4*bufferSize)
		r.nodeSends(large[:2*bufferSize])
		r.clientGets(large[:2*bufferSize])
		r.conn.Close(drain)
		r.slowly(large[2*bufferSize:], 3*within/2, r.nodeSends, r.clientGets)
		r.clientAnswers(drain.Code, drain.Reason)
		r.node.Close()
		r.wantCleanEnd(ByDrain, drain.Code)
	})
	t.Run("AClientThatStillSendsAFrameIsNotLateForADrain", func(t *testing.T) {
		takesSeconds(t)
		for _, size := range []int{1000, 4 * bufferSize} {
			r := l.start(t, short)
			frame := binaryOf(masked, size)
			r.clientSends(frame[:500])
			r.conn.Close(drain)
			r.clientGets(AppendClose(nil, drain.Code, drain.Reason))
			r.slowly(frame[500:], 3*within/2, r.clientSends, func(...[]byte) {})
			r.clientSends(closeFrame(masked, drain.Code, ""))
			r.nodeGets(frame, closeFrame(masked, drain.Code, ""))
			r.clientIsOver()
			r.node.Close()
			r.wantCleanEnd(ByDrain, drain.Code)
		}
	})
	t.Run("AFrameThatPassesByDropsHoldsADrainUpOnlySoLong", func(t *testing.T) {
		takesSeconds(t)
		r := l.start(t, short)
		large := binaryOf(unmasked, 4*bufferSize)
		r.nodeSends(large[:2*bufferSize])
		r.clientGets(large[:2*bufferSize])
		limited := drain
		limited.Within = 3 * within
		r.conn.Close(limited)
		r.trickle(large[2*bufferSize:], r.node)
		if end := r.wantEnd(ByDrain, 0); end.Err == nil {
			t.Error("got no error, want one that says that the client was cut")
		}
	})
	t.Run("AFrameThatPassesByDropsEndsSomeTimeWithoutALimit", func(t *testing.T) {
		takesSeconds(t)
		r := l.start(t, func(p *Pair) { p.Options.Close = 200 * time.Millisecond })
		large := binaryOf(masked, 4*bufferSize)
		r.clientSends(large[:2*bufferSize])
		r.nodeGets(large[:2*bufferSize])
		r.conn.Close(drain)
		r.clientGets(AppendClose(nil, drain.Code, drain.Reason))
		r.trickle(large[2*bufferSize:], r.client)
		r.wantEnd(ByDrain, drain.Code)
	})
	t.Run("CutEndsWhateverIsUnderWay", func(t *testing.T) {
		r := l.start(t, nil)
		large := binaryOf(unmasked, 4*bufferSize)
		r.nodeSends(large[:2*bufferSize])
		r.clientGets(large[:2*bufferSize])
		r.conn.Close(drain)
		r.engine.Cut()
		r.clientIsOver()
		r.wantEnd(ByDrain, 0)
	})
	t.Run("CutEndsARelayThatIsHeld", func(t *testing.T) {
		lost := make(chan struct{})
		r := l.start(t, func(p *Pair) {
			loses(p, func() Close { close(lost); return Close{Code: 4200, By: ByNodeLost, After: time.Hour} })
		})
		r.node.Close()
		<-lost
		r.engine.Cut()
		r.clientIsOver()
		r.wantEnd(ByShutdown, 0)
	})
}

// slowly sends b in ten parts, each of which arrives before the next is sent.
func (r *rig) slowly(b []byte, during time.Duration, send, get func(...[]byte)) {
	r.t.Helper()
	tick := time.NewTicker(during / 10)
	defer tick.Stop()
	for part := (len(b) + 9) / 10; len(b) > 0; <-tick.C {
		n := min(part, len(b))
		send(b[:n])
		get(b[:n])
		b = b[n:]
	}
}

// trickle sends a byte now and then, until the connection is over.
func (r *rig) trickle(b []byte, to interface{ Write([]byte) (int, error) }) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := range b {
		if _, err := to.Write(b[i : i+1]); err != nil {
			return
		}
		<-tick.C
	}
	r.t.Error("got all bytes taken, want the connection to be cut before")
}
