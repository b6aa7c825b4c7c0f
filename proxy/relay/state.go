package relay

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// state is what another process must know of a relay to go on with it, as JSON.
// Versions of Fermata differ in it by fields that were added: what is unknown is
// ignored, and what is missing is zero.
type state struct {
	ToNode   flowState  `json:"to_node,omitzero"`
	ToClient flowState  `json:"to_client,omitzero"`
	Client   legState   `json:"client,omitzero"`
	Node     legState   `json:"node,omitzero"`
	Pings    pingState  `json:"pings,omitzero"`
	Said     wordsState `json:"said,omitzero"`
	IdleLeft millis     `json:"idle_left_ms,omitzero"` // of Options.Idle
	PingLeft millis     `json:"ping_left_ms,omitzero"` // of Options.Ping
}

// flowState is one direction. The frame under way is either held whole, or has
// left in part.
type flowState struct {
	Bytes    int64  `json:"bytes,omitzero"`
	Messages int64  `json:"messages,omitzero"`
	Inside   bool   `json:"inside,omitzero"`  // a fragmented message is under way, before this frame
	Message  uint64 `json:"message,omitzero"` // its payload so far, this frame's included
	Held     []byte `json:"held,omitzero"`
	First    byte   `json:"first,omitzero"` // of the frame that has left in part
	Left     uint64 `json:"left,omitzero"`  // payload that it still lacks; 0: there is no such frame
}

// legState is one of the two connections.
type legState struct {
	Queued    []byte `json:"queued,omitzero"`
	StallLeft millis `json:"stall_left_ms,omitzero"` // of Options.Stall
}

// pingState is what pings of the other process the client was sent.
type pingState struct {
	Asked uint8  `json:"asked,omitzero"`
	Owed  uint8  `json:"owed,omitzero"`
	Token []byte `json:"token,omitzero"`
}

// wordsState are a node's last notable frames.
type wordsState struct {
	Frames []byte `json:"frames,omitzero"`
	Ago    millis `json:"ago_ms,omitzero"`
}

// millis is a time in milliseconds. Absolute times mean nothing to another process.
type millis int64

func (m millis) duration() time.Duration {
	return time.Duration(min(max(m, 0), 1<<40)) * time.Millisecond
}

// maxHandedOver is how much may be queued for a leg of a relay that is handed over.
const maxHandedOver = 1 << 20

// errState is why a relay cannot be taken over.
var errState = errors.New("the relay's state makes no sense")

// readState checks all but what flowState.restore does.
func readState(b []byte) (s state, err error) {
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("the relay's state: %w", err)
	}
	queued := max(len(s.Client.Queued), len(s.Node.Queued))
	switch {
	case queued > maxHandedOver:
		return s, fmt.Errorf("%w: got %d bytes queued, want at most %d", errState, queued, maxHandedOver)
	case s.Pings.Owed > 0 && len(s.Pings.Token) != len(token{}):
		return s, fmt.Errorf("%w: got a ping's token of %d bytes, want %d", errState, len(s.Pings.Token), len(token{}))
	case len(s.Said.Frames) > mostNotable:
		return s, fmt.Errorf("%w: got %d bytes of last words, want at most %d", errState, len(s.Said.Frames), mostNotable)
	}
	return s, nil
}

// bytes is the JSON.
func (s *state) bytes() []byte {
	b, _ := json.Marshal(s) // it has nothing that cannot be marshalled
	return b
}

// state is that of a flow that is not over.
func (f *flow) state() flowState {
	s := flowState{Bytes: f.bytes, Messages: f.messages, Inside: f.inside, Message: f.message, Held: f.held}
	if f.open {
		s.First, s.Left = f.first, f.left
	}
	return s
}

// restore has a new flow go on where that of the other process was.
func (s *flowState) restore(f *flow) error {
	if s.Bytes < 0 || s.Messages < 0 || len(s.Held) > bufferSize {
		return fmt.Errorf("%w: got counts of %d and %d, and %d bytes held, want none below 0, and at most %d held",
			errState, s.Bytes, s.Messages, len(s.Held), bufferSize)
	}
	f.passed = passed{s.Bytes, s.Messages}
	f.inside = s.Inside
	if s.Left > 0 {
		return s.restoreOpen(f)
	}
	return s.restoreHeld(f)
}

// restoreHeld follows what is held anew, so that it cannot contradict itself.
func (s *flowState) restoreHeld(f *flow) error {
	max := f.max
	f.max = 0 // the message under way was let through
	boundary, _, err := f.follow(s.Held)
	if err != nil {
		return fmt.Errorf("%w: got a frame held that is none: %w", errState, err)
	}
	if boundary > 0 || s.Message < f.message {
		return fmt.Errorf("%w: got a whole frame held, or more than its message has", errState)
	}
	f.max, f.held = max, s.Held
	if f.opcode() != opClose {
		f.message = s.Message
	}
	return nil
}

// restoreOpen goes on behind the header of a frame that has left in part.
func (s *flowState) restoreOpen(f *flow) error {
	f.open, f.first, f.left, f.message = true, s.First, s.Left, s.Message
	f.head = maskedHead
	f.read = f.head
	op := f.opcode()
	if op > opBinary || (op == opContinuation) != s.Inside || s.Left > s.Message || len(s.Held) > 0 {
		return fmt.Errorf("%w: got a frame of %#x with %d of %d bytes to come, and %d bytes held", errState, s.First, s.Left, s.Message, len(s.Held))
	}
	return nil
}
