package relay

import (
	"context"
	"errors"
	"maps"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Portable is the engine of two goroutines per pair, for every system. What it
// does is what an engine has to do:
//
//   - Whole frames only are passed on, but for a frame larger than 32 KB,
//     which is passed on as it comes. Nothing after a Close frame is.
//   - The first of these ends a relay, and Options.Close bounds all that comes
//     after it: a Close frame of either side, either connection's end, a
//     malformed frame, a leg that has stalled, Relay.Close.
//   - A Close frame of the client goes to the node, and the node's answer to
//     the client; a node that ends without an answer is answered for.
//   - A client that ends without one half-closes the node, which may end.
//   - A node that ends without one, or sends a malformed frame, has the client
//     closed with what Owner.NodeLost says. A node that takes nothing for
//     Options.Stall too, by ByTimeout.
//   - Owner.NodeLost can have the client held open before that, in both cases.
//     What it sends then is dropped, and its Close frame answered; what a node
//     still sends that has stalled reaches it.
//   - A client's malformed frame never reaches the node, which gets a Close
//     frame in its place. The client is closed with the frame's code, after what
//     the node still answers: until its Close frame or its end, for half of
//     Options.Close at most.
//   - When the relay closes the client, it does so at the boundary after what
//     has been read by then, drops what the node sends from there on, and
//     passes the client's answer on.
//   - A client that has seen and sent a Close frame is let go at once; its node
//     has until Options.Close is over. What has not ended by then is cut.
//   - Options.Close begins anew with each part that passes of a frame that was
//     begun, either way, and of what waits in front of a Close frame, until ten
//     times that are over, or Close.Within.
//   - A client that takes nothing for Options.Stall is cut at once.
//   - The client gets one Close frame at most, and nothing after it.
//   - When nothing comes from either side for Options.Idle the client is
//     closed, by ByTimeout.
//   - When nothing passes for Options.Ping the client is sent a ping, at a
//     boundary, unless something waits to be sent anyway. The pong to that is
//     not passed on, and does not count as something that passes for
//     Options.Idle; all other pongs are the node's. A client from which
//     nothing comes for two pings is closed, by ByTimeout.
//   - A panic ends the relay that it comes from, at once and by
//     ByInternalError, and no other.
//
// What Relay.Hold, Replace and Detach, and a Tap, want is for an engine that can
// do it; this one cannot.
//
// Only NewPortable makes one.
type Portable struct {
	dialer  *net.Dialer
	token   token
	buffers sync.Pool // of *[bufferSize]byte

	bytesToNode, bytesToClient       atomic.Int64
	messagesToNode, messagesToClient atomic.Int64

	running *count // relays

	mu     sync.Mutex
	relays map[*portableRelay]struct{}
}

// NewPortable returns an engine that relays nothing yet.
func NewPortable() Engine {
	p := &Portable{dialer: newDialer(), running: newCount(), token: newToken(), relays: make(map[*portableRelay]struct{})}
	p.buffers.New = func() any { return new([bufferSize]byte) }
	return p
}

// Start implements Engine.
func (p *Portable) Start(pair Pair) Relay {
	p.running.begin()
	r := &portableRelay{engine: p, pair: pair, closing: newClosing(pair)}
	r.running.Store(2)
	if idle := pair.Options.Idle; idle > 0 {
		r.idle = time.AfterFunc(idle, func() { r.closing.want(idleClose, errIdle(idle)) })
	}
	if every := pair.Options.Ping; every > 0 {
		r.pings = newPortablePings(every, &p.token, r.closing)
	}
	p.mu.Lock()
	p.relays[r] = struct{}{}
	p.mu.Unlock()
	go r.toNode()
	go r.toClient()
	return r
}

// Round implements Engine: there is no loop that many share.
func (p *Portable) Round(context.Context) error { return nil }

// Cut implements Engine.
func (p *Portable) Cut() {
	p.mu.Lock()
	all := slices.Collect(maps.Keys(p.relays))
	p.mu.Unlock()
	for _, r := range all {
		r.closing.cut(ByShutdown, errCut)
	}
}

func (p *Portable) forget(r *portableRelay) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.relays, r)
}

// Listener implements Engine.
func (p *Portable) Listener(l net.Listener, in Incoming) (Listener, error) {
	return &entrance{l, in}, nil
}

// Attach implements Engine.
func (p *Portable) Attach(client, node int, _ []byte, _ Pair) (*Detached, error) {
	return nil, errors.Join(errNoHandOver, closeBoth(client, node))
}

// Totals implements Engine.
func (p *Portable) Totals() Totals {
	return Totals{
		BytesToNode: p.bytesToNode.Load(), BytesToClient: p.bytesToClient.Load(),
		MessagesToNode: p.messagesToNode.Load(), MessagesToClient: p.messagesToClient.Load(),
	}
}

// Wait implements Engine.
func (p *Portable) Wait() { p.running.wait() }

// portableRelay is one relay. toNode alone reads the client and writes the node,
// toClient the other way round, so no Close frame can land inside of a frame.
type portableRelay struct {
	engine  *Portable
	pair    Pair
	closing *closing
	idle    *time.Timer    // nil: without Options.Idle
	pings   *portablePings // nil: without Options.Ping
	running atomic.Int32   // goroutines
	end     End            // counts of each direction are its goroutine's
	said    *words         // by the node, the last that was notable, of toClient; nil: more has come
}

// Close implements Relay.
func (r *portableRelay) Close(c Close) { r.closing.want(c, nil) }

// Hold implements Relay. It does nothing.
func (r *portableRelay) Hold(Mover, int) bool { return false }

// Resume implements Relay. It does nothing.
func (r *portableRelay) Resume([][]byte) {}

// Replace implements Relay.
func (r *portableRelay) Replace(other Replacement) { other.refuse(errNoMoves) }

// Detach implements Relay.
func (r *portableRelay) Detach(done func(*Detached, error)) { done(nil, errNoHandOver) }

// toNode passes the client's frames on until the client is over.
func (r *portableRelay) toNode() {
	defer r.leave()
	defer r.survive()
	s := r.newFlow(r.pair.Client, r.pair.Node, r.pair.ToNode)
	s.frames.follower = newFollower(true, r.pair.Options.MaxMessage)
	s.totalBytes, s.totalMessages = &r.engine.bytesToNode, &r.engine.messagesToNode
	s.counted = r.pair.Counts.addToNode
	s.passes = func(bool) { r.closing.progress() }
	s.pings = r.pings

	r.closing.clientEnded(unlessEOF(r.moveToNode(s)))
	r.end.BytesToNode, r.end.MessagesToNode = s.bytes, s.messages
	r.engine.buffers.Put((*[bufferSize]byte)(s.buf))
}

// moveToNode returns nil when the client's Close frame has passed.
func (r *portableRelay) moveToNode(s *portableFlow) error {
	for {
		readErr := s.read()
		if s.frames.closed {
			r.closing.clientClosed(s.frames.status())
		}
		if err := s.forward(); err != nil {
			r.closing.nodeRefuses(err)
			s.to = nil
		}
		if s.frames.closed {
			return nil
		}
		if bad, ok := readErr.(*ProtocolError); ok {
			r.closing.clientMalformed(bad)
			s.discard()
			return nil
		}
		if readErr != nil {
			return readErr
		}
	}
}

// toClient passes the node's frames on until a Close frame has gone to the
// client, then drops what comes until the node is over.
func (r *portableRelay) toClient() {
	defer r.leave()
	defer r.survive()
	s := r.newFlow(r.pair.Node, r.pair.Client, r.pair.ToClient)
	s.frames.follower = newFollower(false, 0)
	s.totalBytes, s.totalMessages = &r.engine.bytesToClient, &r.engine.messagesToClient
	s.counted = r.pair.Counts.addToClient
	s.passes = r.closing.passesToClient

	if r.greet() {
		r.moveToClient(s)
	}
	r.wokenUp()
	s.discard()
	r.end.BytesToClient, r.end.MessagesToClient = s.bytes, s.messages
	r.engine.buffers.Put((*[bufferSize]byte)(s.buf))
}

// greet sends the head, and reports whether the client takes it.
func (r *portableRelay) greet() bool {
	if len(r.pair.Head) == 0 {
		return true
	}
	_, err := write(r.pair.Client, r.pair.Head, r.pair.Options.Stall)
	if err != nil {
		r.closing.clientRefuses(err)
	}
	return err == nil
}

func (r *portableRelay) moveToClient(s *portableFlow) {
	for {
		if err := r.ping(s.frames.open); err != nil {
			r.closing.clientRefuses(err)
			return
		}
		if wish, ok := r.closing.wanted(); ok {
			if !s.frames.open {
				r.closing.sendClose(wish, nil)
				return
			}
			s.frames.last = true
		}
		readErr := s.read()
		refusal, refused := Close{}, false
		if s.frames.closed {
			r.closing.nodeClosed()
			refusal, refused = r.closing.answered()
		}
		if s.ready > 0 {
			r.said = note(r.pair.Owner, s.buf[:s.ready])
		}
		if refused {
			s.ready -= s.frames.closeSize() // the answer to ours
		}
		if err := s.forward(); err != nil {
			r.closing.clientRefuses(err)
			return
		}
		switch {
		case refused:
			r.closing.sendClose(refusal, nil)
			return
		case s.frames.closed:
			r.closing.closeSent(s.frames.status())
			return
		case errors.Is(readErr, os.ErrDeadlineExceeded):
			r.wokenUp()
		case readErr != nil:
			r.closing.nodeEnded(s.frames.open, unlessEOF(readErr), r.said.last())
			return
		}
	}
}

// ping pings a client that is silent, or ends one that has stayed so. Inside
// of a frame no ping can be put in.
func (r *portableRelay) ping(inFrame bool) error {
	if r.pings == nil || r.closing.isEnding() {
		return nil
	}
	ping, deaf := r.pings.take(inFrame)
	if deaf {
		r.closing.want(deafClose, errDeaf)
	}
	if !ping {
		return nil
	}
	_, err := write(r.pair.Client, r.engine.token.ping(), r.pair.Options.Stall)
	return err
}

// wokenUp makes the node readable again after closing.want, and nudge.
func (r *portableRelay) wokenUp() { _ = r.pair.Node.SetReadDeadline(time.Time{}) }

// active puts off the next ping and the end of an idle relay, where the pongs
// to our pings do not count.
func (r *portableRelay) active(pong bool) {
	if r.idle != nil && !pong {
		r.idle.Reset(r.pair.Options.Idle)
	}
	if r.pings != nil {
		r.pings.putOff()
	}
}

func (r *portableRelay) newFlow(from, to net.Conn, early []byte) *portableFlow {
	return &portableFlow{
		from: from, to: to, early: early,
		stall: r.pair.Options.Stall, active: r.active,
		buf: r.engine.buffers.Get().(*[bufferSize]byte)[:],
	}
}

// survive is deferred by both goroutines: a panic ends this relay alone.
func (r *portableRelay) survive() {
	if value := recover(); value != nil {
		r.closing.cut(ByInternalError, survived(r.pair.Owner, value))
	}
}

// leave is the last thing that each goroutine does; the second one's ends the
// relay.
func (r *portableRelay) leave() {
	if r.running.Add(-1) > 0 {
		return
	}
	if r.idle != nil {
		r.idle.Stop()
	}
	if r.pings != nil {
		r.pings.timer.Stop()
	}
	r.close()
	r.closing.finish(&r.end)
	r.engine.forget(r)
	tellEnded(r.pair.Owner, r.end)
	r.engine.running.end()
}

// close closes both legs.
func (r *portableRelay) close() {
	defer r.survive()
	r.pair.Node.Close()
	r.pair.Client.Close()
}
