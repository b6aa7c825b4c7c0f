package relay

import (
	"errors"
	"net"
)

// Tap is shown what a client sends. It is called on a goroutine of the engine,
// which it must not hold up.
type Tap interface {
	// FromClient is shown each text message of the client before the node gets
	// it: unmasked, of one whole frame. It returns what the node gets in its
	// place; nil: the same bytes. text is valid until it returns.
	FromClient(text []byte) (instead []byte)
	// Missed is told of each message that cannot be shown, and passes as it is:
	// one in fragments, a binary one, one with RSV bits, or in a frame that is
	// larger than 32 KB.
	Missed()
}

// Mover moves a relay to another node, see Relay.Hold. It is called on a
// goroutine of the engine, which it must not hold up, or by Hold.
type Mover interface {
	// Begin is called once the client is not read any more, and the whole frames
	// that were read of it have all left for the node. It returns text messages
	// that the node gets behind them.
	Begin() (toNode [][]byte)
	// FromNode is shown each text message of the node from then on, and says
	// whether the client gets it. After last the node is not read any more, and
	// nothing behind that message reaches the client, until Resume or Replace.
	// After a Resume that has something to undo, too, it is shown what the node
	// sends, and says with last that this was the last that it must see.
	// What cannot be shown passes: messages in fragments, or binary, or in a
	// frame above maxFrame. text is valid until it returns.
	FromNode(text []byte) (pass, last bool)
	// Aborted is told, once, when the hold ends without Resume or Replace: the
	// relay is ending, the node has ended, or the client is in the middle of a
	// message in fragments (ErrUnderWay).
	Aborted(error)
}

// Replacement is another node for a relay, and how the relay goes on there.
type Replacement struct {
	// Node is of Engine.Dial. It belongs to the engine from then on, which
	// closes it if it cannot be used.
	Node net.Conn
	// ToClient are text messages that the client gets first.
	ToClient [][]byte
	// Rest is what has come from Node already and was not dealt with: frames,
	// of which the last may be cut. The client gets it behind ToClient.
	Rest []byte
	// ToNode are text messages that Node gets ahead of what the client sends.
	ToNode [][]byte
	// Counts is told what passes from then on; nil: nobody is.
	Counts *Counts
	// Done is called once, on a goroutine of the engine, or by Replace. Nil: the
	// relay has its new node, to and from which nothing has passed so far, and
	// the old one's connection is closed. Otherwise it says why not: the relay
	// is ending, or inside of a frame that has left in part, or of a message in
	// fragments. It then goes on as it was, held or not.
	Done func(error)
}

// refuse closes the node and says why.
func (r *Replacement) refuse(err error) {
	_ = r.Node.Close()
	r.Done(err)
}

// ErrUnderWay is why a node is not replaced now whose relay goes on.
var ErrUnderWay = errors.New("a large or fragmented message is under way")

// Why a relay cannot be held, or its node not be replaced.
var (
	errEnded   = errors.New("the relay has ended")
	errNoMoves = errors.New("this engine cannot move a relay")
)
