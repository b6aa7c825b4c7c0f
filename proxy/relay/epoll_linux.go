package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
)

// Epoll is the engine for Linux. It does what Portable does, for less.
//
//   - A relay belongs to one of a few shards, with both its legs. A shard is
//     one goroutine around one epoll instance; all that it owns is touched by
//     that goroutine alone and so needs no lock. Start and Relay.Close reach it
//     through its queue of tasks.
//   - Shards accept in turn. Connections of Listener and Dial belong to a shard
//     from the beginning, see netConn, so that Start need not take them away from
//     the net package, and what comes before it can run on the shard: see First.
//     Of a net.TCPConn it duplicates the descriptor. Nothing of the net.Conns,
//     and of the goroutines that had them, stays.
//   - Epoll is level-triggered and a leg is read once per wake, into the
//     buffer that all relays of the shard share. A relay at rest holds no
//     buffer, no goroutine and no timer: a few hundred bytes, and for TLS what
//     crypto/tls keeps.
//   - What a leg does not take at once stays in its queue, and as long as it
//     is there the other leg is not read, so no queue outgrows a few reads.
//   - TLS is crypto/tls, driven by a wire in place of its socket.
//   - Deadlines, also those of coroutines, are counted in ticks and wait in one
//     wheel per shard, which turns only when somebody's time has come. They are
//     rounded up, by two ticks at most.
//   - A move holds the client by not reading it, so nothing is buffered; only a
//     TLS client that is stopped behind a large frame leaves a rest. What few
//     relays need, moves too, is behind one pointer.
//   - A relay at rest can be taken out of its shard, and go on in another
//     process: see Detached.
//   - What has happened to a relay only changes its state; proceed then looks
//     at that and does what follows from it: see epollRelay.
//
// A shard runs as long as it has relays or connections; so an engine without any
// holds no descriptor and no goroutine, and needs no closing. A pair that is no
// pair of TCP connections, or for which no descriptors are left, is turned away.
//
// Only New makes one.
type Epoll struct {
	shards  []*shard
	next    atomic.Uint32
	running *count      // shards
	dialer  *net.Dialer // to names
}

// New returns the engine for this system, with so many shards, that relays
// nothing yet. There is one for each core, and for each processor of the scheduler: a
// busy shard keeps one to itself, and one that is left over costs (see pace).
func New(shards int) Engine {
	e := &Epoll{running: newCount(), dialer: newDialer()}
	t, p := newToken(), newPace()
	for range shards {
		e.shards = append(e.shards, newShard(e.running, p, t))
	}
	p.shards = e.shards
	return e
}

// Start implements Engine.
func (e *Epoll) Start(p Pair) Relay {
	r, err := e.start(p)
	if err != nil {
		turnAway(p, err)
		return noRelay{}
	}
	return r
}

// start leaves the pair as it is when there is an error, or has closed it.
func (e *Epoll) start(p Pair) (Relay, error) {
	from, err := layersOf(p.Client)
	if err != nil {
		return nil, err
	}
	to, err := layersOf(p.Node)
	if err != nil {
		return nil, err
	}
	client, node, err := e.adoptBoth(from.tcp, to.tcp)
	if err != nil {
		return nil, err
	}
	fdClient, fdNode, err := takeBoth(client, node)
	if err != nil {
		return nil, err
	}
	s := node.shard // of which the relay is a user in the node's place
	c := newEpollRelay(s, p)
	c.node.fd, c.node.watched = fdNode, watchedForNetConn
	c.client.fd, c.client.watched = fdClient, client.moveTo(s, fdClient)
	c.client.secure, c.node.secure = from.handOver(s), to.handOver(s)
	head, toNode, toClient := p.Head, p.ToNode, p.ToClient
	begin := func() { c.start(head, toNode, toClient) }
	if client.waiter.runsOn(s) {
		s.soon = append(s.soon, begin)
	} else {
		s.post(begin)
	}
	return c, nil
}

// adoptBoth is for two connections or none.
func (e *Epoll) adoptBoth(a, b net.Conn) (ours, theirs *netConn, err error) {
	theirs, err = e.shardOf(b).adopt(b)
	if err != nil {
		return nil, nil, err
	}
	ours, err = theirs.shard.adopt(a)
	if err == nil {
		closeOther(a, ours)
		closeOther(b, theirs)
	} else if b != net.Conn(theirs) {
		theirs.Close()
	}
	return ours, theirs, err
}

// takeBoth takes the descriptors of two connections or, when one of them has just
// been closed, closes both: an http.Server that is closed does that to what it
// is giving away.
func takeBoth(a, b *netConn) (fdA, fdB int32, err error) {
	fdA, fdB = a.take(), b.take()
	if fdA < 0 || fdB < 0 {
		return -1, -1, errors.Join(a.drop(fdA), b.drop(fdB))
	}
	return fdA, fdB, nil
}

// closeOther closes the original of an adopted connection.
func closeOther(original net.Conn, adopted *netConn) {
	if original != net.Conn(adopted) {
		original.Close()
	}
}

// shardOf is a connection's shard, or the next one for a connection without.
func (e *Epoll) shardOf(conn net.Conn) *shard {
	if c, ok := conn.(*netConn); ok {
		return c.shard
	}
	return e.nextShard()
}

func (e *Epoll) nextShard() *shard { return e.shards[int(e.next.Add(1))%len(e.shards)] }

// Totals implements Engine.
func (e *Epoll) Totals() Totals {
	var sum Totals
	for _, s := range e.shards {
		sum.BytesToNode += s.public.bytesToNode.Load()
		sum.BytesToClient += s.public.bytesToClient.Load()
		sum.MessagesToNode += s.public.messagesToNode.Load()
		sum.MessagesToClient += s.public.messagesToClient.Load()
	}
	return sum
}

// Round implements Engine.
func (e *Epoll) Round(ctx context.Context) error {
	gone := make(chan struct{}, len(e.shards))
	for _, s := range e.shards {
		s.round(func() { gone <- struct{}{} })
	}
	for range e.shards {
		select {
		case <-gone:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// Cut implements Engine.
func (e *Epoll) Cut() {
	for _, s := range e.shards {
		s.post(s.cut)
	}
}

// Wait implements Engine. It also waits for connections to be closed.
func (e *Epoll) Wait() { e.running.wait() }

// layers are what a connection consists of.
type layers struct {
	tcp    net.Conn
	lower  *lower    // around that; nil: none
	secure *tls.Conn // around that; nil: no TLS
}

var errNotTakeable = errors.New("relay: neither a TCP connection nor TLS over one of a Listener or of Secure")

func layersOf(conn net.Conn) (l layers, err error) {
	l.tcp = conn
	if secure, ok := conn.(*tls.Conn); ok {
		l.secure, l.tcp = secure, secure.NetConn()
	}
	if under, ok := l.tcp.(*lower); ok {
		l.lower, l.tcp = under, under.Conn
	}
	if stands, ok := l.tcp.(interface{ NetConn() net.Conn }); ok {
		l.tcp = stands.NetConn()
	}
	if l.secure != nil && (l.lower == nil || !l.secure.ConnectionState().HandshakeComplete) {
		return l, errNotTakeable
	}
	return l, nil
}

// handOver gives crypto/tls, if there is any, to the shard.
func (l layers) handOver(to *shard) *tls.Conn {
	if l.secure != nil {
		l.lower.Conn = &to.wire
	}
	return l.secure
}
