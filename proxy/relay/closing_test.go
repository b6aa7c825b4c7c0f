package relay

import (
	"testing"
	"time"
)

func testClosing(t *testing.T, l legs) {
	t.Run("TheClientClosesFirst", func(t *testing.T) {
		r := l.start(t, nil)
		r.clientSends(closeFrame(masked, 1000, "bye"), text(masked, "after"))
		r.nodeGets(closeFrame(masked, 1000, "bye"))
		r.nodeSends(text(unmasked, "crossing"), closeFrame(unmasked, 1000, ""), []byte("after"))
		r.clientGets(text(unmasked, "crossing"), closeFrame(unmasked, 1000, ""))
		r.clientIsOver()
		r.node.Close()
		r.wantCleanEnd(ByClient, 1000)
	})
	t.Run("AClientWithoutAStatusClosesFirst", func(t *testing.T) {
		r := l.start(t, nil)
		r.clientSends(appendFrame(nil, bitFIN|opClose, masked, nil))
		r.nodeGets(appendFrame(nil, bitFIN|opClose, masked, nil))
		r.nodeSends(AppendClose(nil, 1005, ""))
		r.clientGets(AppendClose(nil, 1005, ""))
		r.clientIsOver()
		r.node.Close()
		r.wantCleanEnd(ByClient, 1005)
	})
	t.Run("AClientIsAnsweredForANodeThatDoesNot", func(t *testing.T) {
		r := l.start(t, nil)
		r.clientSends(closeFrame(masked, 1000, "bye"))
		r.nodeGets(closeFrame(masked, 1000, "bye"))
		r.node.Close()
		r.clientGets(AppendClose(nil, 1000, ""))
		r.clientIsOver()
		r.wantCleanEnd(ByClient, 1000)
	})
	t.Run("TheNodeClosesFirst", func(t *testing.T) {
		r := l.start(t, nil)
		r.nodeSends(text(unmasked, "a"), closeFrame(unmasked, 1009, "too big"))
		r.clientGets(text(unmasked, "a"), closeFrame(unmasked, 1009, "too big"))
		r.clientSends(text(masked, "crossing"), closeFrame(masked, 1009, ""))
		r.nodeGets(text(masked, "crossing"), closeFrame(masked, 1009, ""))
		r.clientIsOver()
		r.node.Close()
		r.wantCleanEnd(ByNode, 1009)
	})
	t.Run("AClientThatHalfClosesGetsTheRest", func(t *testing.T) {
		r := l.start(t, nil)
		r.clientSends(text(masked, "last"))
		halfClose(t, r.client)
		r.nodeGets(text(masked, "last"))
		r.nodeIsOver()
		r.nodeSends(text(unmasked, "the rest"))
		r.node.Close()
		r.clientGets(text(unmasked, "the rest"))
		r.clientIsOver()
		r.wantCleanEnd(ByClient, 0)
	})
	t.Run("AClientThatResetsEndsItsNode", func(t *testing.T) {
		r := l.start(t, nil)
		r.clientSends(text(masked, "a"))
		r.nodeGets(text(masked, "a"))
		reset(t, r.client)
		r.nodeIsOver()
		r.node.Close()
		if end := r.wantEnd(ByClient, 0); end.Err == nil {
			t.Error("got no error, want the reset")
		}
	})
	t.Run("AnEndedClientsNodeIsBounded", func(t *testing.T) {
		r := l.start(t, func(p *Pair) { p.Options.Close = 50 * time.Millisecond })
		halfClose(t, r.client)
		r.nodeIsOver()
		r.clientIsOver()
		r.wantEnd(ByClient, 0)
	})
}
