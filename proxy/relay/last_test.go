package relay

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

// testLastWords is about what a node says before it ends without a Close frame.
func testLastWords(t *testing.T, l legs) {
	sorry := text(unmasked, "sorry, no")
	reason := errors.New("it said no")
	ends := func(t *testing.T, last ...[]byte) (heard string) {
		r := l.start(t, func(p *Pair) {
			p.Owner.(*owner).notable = func(frames []byte) bool { return bytes.Contains(frames, []byte("sorry")) }
			p.Owner.(*owner).told = func(last string) Close {
				heard = last
				return Close{Code: 4001, Reason: "no", By: ByRefused, Err: reason}
			}
		})
		r.nodeSends(last...)
		r.clientGets(last...)
		r.node.Close()
		r.clientAnswers(4001, "no")
		if end := r.wantEnd(ByRefused, 4001); end.Err != reason {
			t.Errorf("got error %v, want the owner's", end.Err)
		}
		return heard
	}
	t.Run("ANodesLastWordsAreHeard", func(t *testing.T) {
		if got := ends(t, sorry); got != string(sorry) {
			t.Errorf("got %q, want %q", got, sorry)
		}
	})
	t.Run("WhatIsNotableIsHeardOnlyIfItIsTheLast", func(t *testing.T) {
		r := l.start(t, func(p *Pair) {
			p.Owner.(*owner).notable = func(frames []byte) bool { return bytes.Contains(frames, []byte("sorry")) }
			p.Owner.(*owner).told = func(last string) Close {
				if last != "" {
					t.Errorf("got %q, want nothing", last)
				}
				return lostClose
			}
		})
		r.nodeSends(sorry)
		r.clientGets(sorry)
		r.nodeSends(text(unmasked, "and more"))
		r.clientGets(text(unmasked, "and more"))
		r.node.Close()
		r.clientAnswers(lostClose.Code, lostClose.Reason)
		r.wantCleanEnd(ByNodeLost, lostClose.Code)
	})
	t.Run("WhatWasSaidLongBeforeIsNotHeard", func(t *testing.T) {
		takesSeconds(t)
		r := l.start(t, func(p *Pair) {
			p.Owner.(*owner).notable = func([]byte) bool { return true }
			p.Owner.(*owner).told = func(last string) Close {
				if last != "" {
					t.Errorf("got %q, want nothing", last)
				}
				return lostClose
			}
		})
		r.nodeSends(sorry)
		r.clientGets(sorry)
		<-time.After(rightBefore + 5*tick)
		r.node.Close()
		r.clientAnswers(lostClose.Code, lostClose.Reason)
		r.wantCleanEnd(ByNodeLost, lostClose.Code)
	})
}
