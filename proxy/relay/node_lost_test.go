package relay

import (
	"bytes"
	"testing"
	"time"
)

func testNodeLost(t *testing.T, l legs) {
	leave := map[string]func(*rig){
		"FIN": func(r *rig) { halfClose(r.t, r.node) },
		"RST": func(r *rig) { reset(r.t, r.node) },
	}
	for name, leave := range leave {
		t.Run("ANodeLostBy"+name+"IsACleanClose", func(t *testing.T) {
			r := l.start(t, nil)
			r.nodeSends(text(unmasked, "last words"))
			r.clientGets(text(unmasked, "last words"))
			leave(r)
			r.clientAnswers(lostClose.Code, lostClose.Reason)
			r.wantEnd(ByNodeLost, lostClose.Code)
		})
		t.Run("ANodeLostBy"+name+"InASmallFrameIsACleanClose", func(t *testing.T) {
			r := l.start(t, nil)
			r.nodeSends(text(unmasked, "whole"), binaryOf(unmasked, 20000)[:7000])
			r.clientGets(text(unmasked, "whole"))
			leave(r)
			r.clientAnswers(lostClose.Code, lostClose.Reason)
			r.wantEnd(ByNodeLost, lostClose.Code)
		})
		t.Run("ANodeLostBy"+name+"InALargeFrameIsCut", func(t *testing.T) {
			r := l.start(t, nil)
			large := binaryOf(unmasked, 4*bufferSize)
			r.nodeSends(large[:2*bufferSize])
			r.clientGets(large[:2*bufferSize])
			leave(r)
			r.clientIsOver()
			if end := r.wantEnd(ByNodeLost, 0); end.Err == nil {
				t.Error("got no error, want one that says that a frame was cut")
			}
		})
	}
	t.Run("ALostNodesLastFramesArriveBeforeTheClose", func(t *testing.T) {
		r := l.start(t, nil)
		many := bytes.Repeat(binaryOf(unmasked, 1000), 500)
		go func() {
			r.node.Write(many)
			r.node.Close()
		}()
		r.clientGets(many)
		r.clientAnswers(lostClose.Code, lostClose.Reason)
		r.wantCleanEnd(ByNodeLost, lostClose.Code)
	})
	t.Run("LostSaysWhoAndIsAskedOnce", func(t *testing.T) {
		asked := 0
		r := l.start(t, func(p *Pair) {
			loses(p, func() Close { asked++; return Close{Code: 4100, By: ByShutdown} })
		})
		r.node.Close()
		r.clientAnswers(4100, "")
		r.wantCleanEnd(ByShutdown, 4100)
		if asked != 1 {
			t.Errorf("Lost was asked %d times, want once", asked)
		}
	})
	t.Run("AClientThatDoesNotAnswerAfterItsNodeWasLostIsCut", func(t *testing.T) {
		r := l.start(t, func(p *Pair) { p.Options.Close = 50 * time.Millisecond })
		r.node.Close()
		r.clientGets(AppendClose(nil, lostClose.Code, lostClose.Reason))
		r.clientIsOver()
		r.wantEnd(ByNodeLost, lostClose.Code)
	})
}
