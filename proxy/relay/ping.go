package relay

import (
	"crypto/rand"
	"errors"
	"math"
)

// token is the payload of an engine's pings, by which it knows the pongs to
// them. It is random, so that no ping of a node has the same, nor one of
// another Fermata on the way.
type token [8]byte

func newToken() (t token) {
	rand.Read(t[:]) // never fails
	return t
}

// ping is the frame, as a client may be sent it.
func (t *token) ping() []byte { return append([]byte{bitFIN | opPing, byte(len(t))}, t[:]...) }

// answeredBy reports whether a client's frame is the pong to that.
func (t *token) answeredBy(frame []byte) bool {
	if len(frame) != maskedHead+len(t) || frame[0] != bitFIN|opPong {
		return false
	}
	mask := frame[2:maskedHead]
	for i, c := range frame[maskedHead:] {
		if c^mask[i%len(mask)] != t[i] {
			return false
		}
	}
	return true
}

// maskedHead is the length of a short masked frame's header.
const maskedHead = 2 + 4

// pings is what is known of those that one client was sent. The zero value is
// that it was sent none.
type pings struct {
	asked uint8 // since something last came from it
	owed  uint8 // pongs that are still to come
	only  bool  // the last that came was a pong to us, and nothing else
}

// maxAsked is how many pings a client may leave without a word.
const maxAsked = 2

// A client that has not said a word is told this, in case that it still reads.
var deafClose = Close{Code: statusGoingAway, Reason: "no answer to pings", By: ByTimeout}

var errDeaf = errors.New("client has not answered two pings")

// deaf reports whether the client must be taken for gone.
func (p *pings) deaf() bool { return p.asked >= maxAsked }

// sent is told of each ping.
func (p *pings) sent() {
	p.asked++
	if p.owed < math.MaxUint8 {
		p.owed++
	}
}

// heard is told what the client's gate lets through of what has come, and
// returns what of it is for the node: all but the pongs that are owed to us.
// It closes the gaps in place. b consists of whole frames, but that it may
// begin with ahead bytes of a large frame's payload, and may end inside of
// such a frame after its header.
func (p *pings) heard(b []byte, ahead uint64, t *token) []byte {
	p.asked = 0
	kept := int(min(ahead, uint64(len(b))))
	for at := kept; at < len(b); {
		frame := firstFrame(b[at:])
		at += len(frame)
		if p.owed > 0 && t.answeredBy(frame) {
			p.owed--
		} else {
			kept += copy(b[kept:], frame)
		}
	}
	p.only = kept == 0 && len(b) > 0
	return b[:kept]
}

// firstFrame is the first frame of what a client has sent, as far as it is
// there; its header is.
func firstFrame(b []byte) []byte {
	head, payload := measure(b)
	return b[:min(uint64(head)+payload, uint64(len(b)))]
}
