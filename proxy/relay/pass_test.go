package relay

import (
	"bytes"
	"testing"
)

func testPassing(t *testing.T, l legs) {
	t.Run("MessagesOfEverySizePass", func(t *testing.T) {
		r := l.start(t, nil)
		for _, n := range []int{0, 1, 125, 126, 127, 1000, bufferSize - 4, bufferSize, 65535, 65536, 1 << 20} {
			up, down := binaryOf(masked, n), binaryOf(unmasked, n)
			go r.client.Write(up)
			r.nodeGets(up)
			go r.node.Write(down)
			r.clientGets(down)
		}
	})
	t.Run("FragmentsPassWithControlFramesBetween", func(t *testing.T) {
		r := l.start(t, nil)
		fragments := func(mask bool) []byte {
			return join(
				appendFrame(nil, opText, mask, []byte("one ")),
				appendFrame(nil, bitFIN|opPing, mask, []byte("ping")),
				appendFrame(nil, opContinuation, mask, []byte("two ")),
				appendFrame(nil, bitFIN|opPong, mask, nil),
				appendFrame(nil, bitFIN|opContinuation, mask, []byte("three")),
				text(mask, "next"))
		}
		r.clientSends(fragments(masked))
		r.nodeGets(fragments(masked))
		r.nodeSends(fragments(unmasked))
		r.clientGets(fragments(unmasked))
		r.node.Close()
		r.clientAnswers(lostClose.Code, lostClose.Reason)
		end := r.wantCleanEnd(ByNodeLost, lostClose.Code)
		if end.MessagesToNode != 2 || end.MessagesToClient != 2 {
			t.Errorf("got %d messages to the node, %d to the client; want 2 of each", end.MessagesToNode, end.MessagesToClient)
		}
	})
	t.Run("AShortStreamPassesHoweverItIsCut", func(t *testing.T) {
		r := l.start(t, nil)
		stream := func(mask bool) []byte {
			return join(text(mask, "a"), binaryOf(mask, 130), appendFrame(nil, bitFIN|opPing, mask, nil))
		}
		up, down := stream(masked), stream(unmasked)
		for i := range up {
			r.clientSends(up[:i])
			r.clientSends(up[i:])
			r.nodeGets(up)
		}
		for i := range down {
			r.nodeSends(down[:i])
			r.nodeSends(down[i:])
			r.clientGets(down)
		}
	})
	t.Run("EarlyBytesGoFirst", func(t *testing.T) {
		up, down := join(text(masked, "early"), text(masked, "cut")), join(text(unmasked, "established"), text(unmasked, "cut"))
		r := l.start(t, func(p *Pair) { p.ToNode, p.ToClient = up[:len(up)-3], down[:len(down)-3] })
		r.nodeGets(text(masked, "early"))
		r.clientGets(text(unmasked, "established"))
		r.clientSends(up[len(up)-3:], text(masked, "later"))
		r.nodeSends(down[len(down)-3:], text(unmasked, "later"))
		r.nodeGets(text(masked, "cut"), text(masked, "later"))
		r.clientGets(text(unmasked, "cut"), text(unmasked, "later"))
	})
	t.Run("TheHeadGoesAheadOfAllAndIsNotCounted", func(t *testing.T) {
		head := []byte("HTTP/1.1 101 Switching Protocols\r\n\r\n")
		frames := join(text(unmasked, "established"), text(unmasked, "later"))
		for early := range len(frames) {
			r := l.start(t, func(p *Pair) { p.Head, p.ToClient = bytes.Clone(head), frames[:early] })
			r.nodeSends(frames[early:])
			r.clientGets(head, frames)
			r.node.Close()
			r.clientAnswers(lostClose.Code, lostClose.Reason)
			if end := r.wantCleanEnd(ByNodeLost, lostClose.Code); end.BytesToClient != int64(len(frames)) {
				t.Errorf("got %d bytes to the client, want %d", end.BytesToClient, len(frames))
			}
		}
	})
	t.Run("ManyEarlyBytesPass", func(t *testing.T) {
		down := bytes.Repeat(binaryOf(unmasked, 1000), 200)
		r := l.start(t, func(p *Pair) { p.ToClient = down })
		r.clientGets(down)
	})
}
