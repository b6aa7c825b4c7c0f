package proxy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"fermata/internal/pusher"
	"fermata/proxy/relay"
)

// complains is whether a node's message may be a pusher:error.
func complains(frames []byte) bool { return bytes.Contains(frames, []byte(pusher.EventError)) }

// complaint is what a node's message complains of; nil: it is another message.
func complaint(message []byte) *pusher.Error {
	if !complains(message) {
		return nil // nearly always
	}
	m, err := pusher.Parse(message)
	if err != nil {
		return nil
	}
	return m.Error()
}

// lastPayload is the payload of the last of some short frames of a node; nil: they
// are no whole frames.
func lastPayload(frames []byte) (payload []byte) {
	for len(frames) >= 2 {
		length, start := int(frames[1]&0x7f), 2
		if length > 125 && len(frames) >= 4 {
			length, start = int(binary.BigEndian.Uint16(frames[2:])), 4
		}
		if start+length > len(frames) {
			return nil
		}
		payload, frames = frames[start:start+length], frames[start+length:]
	}
	return payload
}

// refused is what a client is told whose node has said no to it and then ended: the
// code that the node gave it, since on some of these a client must not come back.
// It is not lost, and waits for nobody. ok is false for a node that says no more
// than that it goes.
func (c *client) refused(e *pusher.Error) (told relay.Close, ok bool) {
	if e == nil || e.Code < 4000 || e.Code > 4999 || e.Code == pusher.CodeMove {
		return relay.Close{}, false
	}
	code := e.Code
	if pusher.ComesAtOnce(code) && c.live.IsYoung(time.Now()) {
		code = pusher.CodeRetry
	}
	e.Message = cut(e.Message)
	return relay.Close{Code: code, Reason: e.Message, By: relay.ByRefused, Err: fmt.Errorf("refused by the node: %w", e)}, true
}
