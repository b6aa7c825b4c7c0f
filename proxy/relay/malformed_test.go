package relay

import (
	"errors"
	"testing"
)

func testMalformed(t *testing.T, l legs) {
	for _, c := range malformedByClient() {
		t.Run("TheNodeNeverSees/"+c.name, func(t *testing.T) {
			r := l.start(t, nil)
			r.clientSends(text(masked, "good"), c.before, c.bad, text(masked, "after"))
			r.nodeGets(text(masked, "good"), c.before, appendMaskedClose(nil, 1002))
			r.nodeSends(closeFrame(unmasked, 1002, ""))
			r.nodeIsOver()
			r.node.Close()
			wantRefused(t, r, 1002)
		})
	}
	t.Run("TheNodeNeverSeesAMessageAboveTheLimit", func(t *testing.T) {
		r := l.start(t, func(p *Pair) { p.Options.MaxMessage = 100 })
		r.clientSends(binaryOf(masked, 100), binaryOf(masked, 101))
		r.nodeGets(binaryOf(masked, 100), appendMaskedClose(nil, 1009))
		r.node.Close()
		wantRefused(t, r, 1009)
	})
	t.Run("ABadHeaderCutInTwoIsNotPassedOn", func(t *testing.T) {
		r := l.start(t, nil)
		bad := []byte{bitFIN | opText, bitMask | length16, 0, 125}
		r.clientSends(text(masked, "good"), bad[:3])
		r.nodeGets(text(masked, "good"))
		r.clientSends(bad[3:])
		r.nodeGets(appendMaskedClose(nil, 1002))
		r.node.Close()
		wantRefused(t, r, 1002)
	})
	t.Run("ANodesMalformedFrameIsALostNode", func(t *testing.T) {
		r := l.start(t, nil)
		r.nodeSends(text(unmasked, "good"), text(masked, "bad"), text(unmasked, "after"))
		r.clientGets(text(unmasked, "good"))
		r.clientAnswers(lostClose.Code, lostClose.Reason)
		r.node.Close()
		end := r.wantEnd(ByNodeLost, lostClose.Code)
		var bad *ProtocolError
		if !errors.As(end.Err, &bad) || bad.Code != 1002 {
			t.Errorf("got error %v, want what was wrong", end.Err)
		}
	})
}

// wantRefused wants the client to be closed for what it has sent.
func wantRefused(t *testing.T, r *rig, code int) {
	t.Helper()
	frame, err := nextFrame(r.client)
	if err != nil || !isClose(frame) || int(frame[2])<<8|int(frame[3]) != code {
		t.Fatalf("got frame % x, error %v; want a Close with %d", frame, err, code)
	}
	r.clientIsOver()
	r.client.Close()
	r.node.Close()
	end := r.wantEnd(ByLimit, code)
	var bad *ProtocolError
	if !errors.As(end.Err, &bad) || bad.Code != code {
		t.Errorf("got error %v, want what was wrong", end.Err)
	}
}
