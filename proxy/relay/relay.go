// Package relay moves bytes between a client and its node after the 101, and
// ends that with a clean Close frame whoever ends it.
//
// There are two engines. Epoll is the one for Linux. Portable runs on every
// system; macOS and BSD use it, and the tests of Epoll as a reference. The Linux
// binary does not contain it, as nothing there refers to NewPortable.
//
// Each word means one thing:
//
//   - relay: a client and its node, joined
//   - leg: one of the two connections of a relay
//   - flow: one direction of a relay
//   - move: a relay is held, and gets another node or goes on with its own
//   - detached: a relay that no shard runs, on its way to another process
//   - shard: one goroutine of Epoll, with all the relays that belong to it
//   - netConn: a TCP connection that a shard watches, until a relay takes it
//   - coroutine: what a shard does with a connection before there is a relay
//   - lower: what crypto/tls reads and writes: a netConn, then a wire
//   - wire: memory that a shard gives crypto/tls in place of a connection
package relay

import (
	"context"
	"net"
	"time"
)

// By says who ended a relay; it is a label of the metrics.
type By string

// Who can end a relay.
const (
	ByClient   By = "client"    // its Close frame, or its connection's end, came first
	ByNode     By = "node"      // the node's Close frame came first
	ByRefused  By = "refused"   // the node said in a message why it ended the connection
	ByNodeLost By = "node_lost" // the node's connection ended, or the node went down, without a Close frame
	ByDrain    By = "drain"
	ByLimit    By = "limit"   // a malformed or oversized frame, or no descriptors or memory were left for the relay
	ByTimeout  By = "timeout" // it took no bytes for Options.Stall, or Options.Idle or Ping ended it
	ByShutdown By = "shutdown"
	// ByRebalance is a node that had more than its share of the clients.
	ByRebalance By = "rebalance"
	// ByMaxAge is a client that had been connected for too long.
	ByMaxAge By = "max_age"
	// ByUpgrade is another process of Fermata that has taken over, but not this
	// client's connections.
	ByUpgrade By = "upgrade"
	// ByInternalError is a panic in Fermata itself, see PanicError.
	ByInternalError By = "internal_error"
)

// Close is a Close frame for a client, and who wants it sent.
type Close struct {
	Code   int    // RFC 6455 section 7.4
	Reason string // at most 123 bytes
	By     By
	// After is how long the client is first held open without a node. It
	// counts only in what Owner.NodeLost returns.
	After time.Duration
	// Await has the client not be read meanwhile, so that Relay.Replace can
	// still give it another node without a loss. It counts only with After.
	Await bool
	// Err is for End.Err, where that knows nothing better; nil: nothing does.
	Err error
	// Within is when the relay is cut at the latest, even if a frame is still
	// under way; 0: after ten times Options.Close.
	Within time.Duration
}

// Options bound a relay. Stall and Close must be set.
type Options struct {
	// Stall ends a relay one of whose legs takes no bytes for so long.
	Stall time.Duration
	// Close is how long a leg may take to end after a Close frame or a FIN. It
	// begins anew with all that passes of a frame which is still under way.
	Close time.Duration
	// MaxMessage is the largest data message that a client may send, its
	// fragments together, in bytes of payload; 0: any.
	MaxMessage int64
	// Idle ends a relay through which nothing has passed, either way, for so
	// long; 0: none ends so.
	Idle time.Duration
	// Ping is after how long without anything passing, either way, the client
	// is sent a ping. Its pong stays with the engine. One that says nothing at
	// all for two pings is ended when the third would be due; 0: no pings.
	Ping time.Duration
}

// Pair is what is relayed: the two legs of one client.
type Pair struct {
	// Client and Node belong to the engine from Start on; it closes both.
	Client, Node net.Conn
	// Head is the 101. The client gets it first of all, in one piece with
	// ToClient where the engine can do so; it is not counted.
	Head []byte
	// ToNode is what the client sent ahead of the 101; it goes out first.
	ToNode []byte
	// ToClient is what the node sent right behind its 101.
	ToClient []byte
	// Options bound this relay.
	Options Options
	// Counts is told what passes; nil: Engine.Totals alone is.
	Counts *Counts
	// Owner is told how it ends. One that is a Tap, too, is shown what the client
	// sends.
	Owner Owner
}

// Owner is whose relay it is. It is called on a goroutine of the engine, which
// it must not hold up, or by Start.
type Owner interface {
	// NodeLost is asked once for a node whose leg ends without a Close frame:
	// for what to tell the client. Last are the node's last frames, if they are
	// notable and it has ended right behind them.
	NodeLost(last string) Close
	// Notable is asked of each little that the node sends, a few whole frames,
	// whether NodeLost is to be told of it. It must be quick.
	Notable(frames []byte) bool
	// Ended is called once, after both legs are closed.
	Ended(End)
	// Panicked is called for each panic in the engine's work for this relay and
	// in the methods above, before Ended or after it. The relay ends by that.
	Panicked(*PanicError)
}

// End is how a relay ended.
type End struct {
	By   By
	Code int   // status of the first Close frame, ours included; 1005: it had none; 0: no frame was seen
	Err  error // the I/O or protocol error behind the end; nil for a clean one

	BytesToNode, BytesToClient       int64
	MessagesToNode, MessagesToClient int64 // data messages, not control frames
}

// Totals counts what an engine has relayed, ended relays and running ones.
type Totals struct {
	BytesToNode, BytesToClient       int64
	MessagesToNode, MessagesToClient int64
}

// Engine relays any number of pairs. Its methods may be called concurrently.
type Engine interface {
	// Listener is where clients come in: it accepts on l, which belongs to it
	// from then on, once Accept is called for the first time. The engine can take
	// the connections over, also from under crypto/tls. Whoever gets the listener
	// closes it. With an error l is closed.
	Listener(l net.Listener, in Incoming) (Listener, error)
	// Dial connects to a node, HOST:PORT, for the Node of a Pair. Whoever gets
	// the connection closes it, or starts its pair. When ctx ends before that
	// is done, the error is a timeout or ctx's cause.
	Dial(ctx context.Context, address string) (net.Conn, error)
	// Start takes the pair over and returns at once. A pair that the engine
	// cannot relay it ends at once, with the reason as End.Err.
	Start(Pair) Relay
	// Attach takes over a relay that another process has detached, with copies of its
	// descriptors and its State. The relay does not run before Detached.Resume;
	// Gone drops it. The descriptors belong to the engine from then on, which closes
	// them with an error: for a state that cannot be read or makes no sense.
	//
	// Of the pair Options, Counts and Owner count. What was counted of this relay
	// before is in its End alone.
	Attach(client, node int, state []byte, p Pair) (*Detached, error)
	// Totals may be read at any time and only grows.
	Totals() Totals
	// Round waits until each loop of the engine has gone round once, which it does
	// at once unless something holds it up. The error is the cause of ctx's end.
	Round(ctx context.Context) error
	// Cut ends all relays as they are.
	Cut()
	// Wait returns when every relay that was started has ended, every connection is
	// closed that the engine has accepted or dialled, and every listener is closed or
	// paused.
	Wait()
}

// Relay is one running relay. Its methods may be called concurrently, after its
// end too, where they do nothing but what they say.
//
// Portable has no Tap, and neither moves a relay nor hands one over: its Hold is
// always false, and its Replace and Detach are always an error.
type Relay interface {
	// Close sends the client a Close frame at the next frame boundary and ends
	// the relay once the client has answered, or after Options.Close. Only the
	// first call counts. It does not wait.
	Close(Close)
	// Hold begins a move: the client is read no more, behind the frame that is
	// under way, and m learns when all that it had sent has gone to the node. It
	// does not wait. False: this engine cannot, and nothing happens. A relay that
	// is ending, or is held already, tells m.Aborted. Frames of the node up to
	// maxFrame bytes, 32 KB at least, can be shown to m.
	//
	// How long a hold lasts is the caller's to bound: with Resume or Replace.
	Hold(m Mover, maxFrame int) bool
	// Resume ends a hold as if there had been none. The node gets toNode first,
	// text messages that undo those of Mover.Begin; before that they are dropped.
	// Then what was held back from the node passes, and the client is read again.
	// If there is something to undo, the mover is shown what the node sends until
	// it says that this was the last of it, also during the next hold. Without a
	// hold it does nothing.
	Resume(toNode [][]byte)
	// Replace gives the relay another node, and ends a hold. Without a hold the
	// old node is taken for lost: what has not left for it does not arrive.
	Replace(Replacement)
	// Detach takes the relay out of its engine, for another process. done is called
	// once, on a goroutine of the engine, which it must not hold up, or by Detach.
	// Nothing is read or written from then on. A relay that is not at rest goes on,
	// and done learns why: it is ending, held, or without its node, or a leg uses TLS
	// (ErrStays).
	Detach(done func(*Detached, error))
}
