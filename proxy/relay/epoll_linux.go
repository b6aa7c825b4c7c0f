package relay

import (
	"crypto/tls"
	"errors"
	"net"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Epoll is the engine for Linux. It does what Plain does, for less.
//
//   - A relay belongs to one of a few shards, with both its legs. A shard is
//     one goroutine around one epoll instance; all that it owns is touched by
//     that goroutine alone and so needs no lock. Start and Conn.Close reach it
//     through its mailbox.
//   - Start takes both sockets away from the net package: it duplicates their
//     descriptors and closes the net.Conns, so that nothing of theirs, and of
//     the goroutines that had them, stays.
//   - Epoll is level-triggered and a leg is read once per wake, into the
//     buffer that all relays of the shard share. A relay at rest holds no
//     buffer, no goroutine and no timer: a few hundred bytes, and for TLS what
//     crypto/tls keeps.
//   - What a leg does not take at once stays in its queue, and as long as it
//     is there the other leg is not read, so no queue outgrows a few reads.
//   - TLS is crypto/tls, driven by a wire in place of its socket.
//   - Deadlines are counted in ticks and wait in one wheel per shard, which
//     turns only while somebody waits. They are rounded up, by two ticks at
//     most.
//   - What has happened to a relay only changes its state; settle then looks
//     at that and does what follows from it: see epollConn.
//
// A shard runs as long as it has relays; so an engine without any holds no
// descriptor and no goroutine, and needs no closing. A pair that is no pair of
// TCP sockets, or for which no descriptors are left, is relayed by Plain.
//
// Only NewEpoll makes one.
type Epoll struct {
	shards  []*shard
	next    atomic.Uint32
	running *count // shards
	plain   Engine
}

// New returns the best engine for this system.
func New() Engine { return NewEpoll(cores()) }

// cores is how many cores the process may use, and how many shards are worth
// having. As each busy shard keeps a P to itself (see poller), the scheduler
// gets as many more, once: GOMAXPROCS is twice what it was, and from then on
// follows no change of the CPU limit.
var cores = sync.OnceValue(func() int {
	n := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(2 * n)
	return n
})

// NewEpoll returns an engine of so many shards that relays nothing yet.
func NewEpoll(shards int) Engine {
	e := &Epoll{running: newCount(), plain: NewPlain()}
	t := newToken()
	for range shards {
		e.shards = append(e.shards, newShard(e.running, t))
	}
	return e
}

// Start implements Engine.
func (e *Epoll) Start(p Pair) Conn {
	conn, err := e.start(p)
	if err != nil {
		return e.plain.Start(p)
	}
	return conn
}

// start leaves the pair as it is when there is an error.
func (e *Epoll) start(p Pair) (Conn, error) {
	client, err := takeable(p.Client)
	if err != nil {
		return nil, err
	}
	node, ok := p.Node.(*net.TCPConn)
	if !ok {
		return nil, errNotTakeable
	}
	s := e.shards[int(e.next.Add(1))%len(e.shards)]
	fdClient, fdNode, err := duplicateBoth(client.tcp, node)
	if err != nil {
		return nil, err
	}
	if err := s.enter(); err != nil {
		return nil, errors.Join(err, unix.Close(int(fdClient)), unix.Close(int(fdNode)))
	}
	watchOver(p.Client, p.Options)
	watchOver(p.Node, p.Options)
	c := newEpollConn(s, p)
	c.client.fd, c.client.secure = fdClient, client.handOver(s)
	c.node.fd = fdNode
	node.Close()
	s.post(func() { c.start(p.Head, p.ToNode, p.ToClient) })
	return c, nil
}

// Totals implements Engine.
func (e *Epoll) Totals() Totals {
	sum := e.plain.Totals()
	for _, s := range e.shards {
		sum.BytesToNode += s.public.bytesToNode.Load()
		sum.BytesToClient += s.public.bytesToClient.Load()
		sum.MessagesToNode += s.public.messagesToNode.Load()
		sum.MessagesToClient += s.public.messagesToClient.Load()
	}
	return sum
}

// Wait implements Engine.
func (e *Epoll) Wait() {
	e.running.wait()
	e.plain.Wait()
}

// source is a connection that a shard can take over.
type source struct {
	tcp    *net.TCPConn
	secure *tls.Conn // nil: plain
	under  *socket   // secure's
}

var errNotTakeable = errors.New("relay: neither a TCP connection nor TLS over a NewListener's")

func takeable(conn net.Conn) (source, error) {
	switch conn := conn.(type) {
	case *net.TCPConn:
		return source{tcp: conn}, nil
	case *tls.Conn:
		under, ok := conn.NetConn().(*socket)
		if !ok || !conn.ConnectionState().HandshakeComplete {
			return source{}, errNotTakeable
		}
		tcp, ok := under.Conn.(*net.TCPConn)
		if !ok {
			return source{}, errNotTakeable
		}
		return source{tcp, conn, under}, nil
	}
	return source{}, errNotTakeable
}

// handOver gives the connection, which has been duplicated, to the shard.
func (c source) handOver(s *shard) *tls.Conn {
	c.tcp.Close()
	if c.secure != nil {
		c.under.Conn = &s.wire
	}
	return c.secure
}

// duplicateBoth is for two connections or none.
func duplicateBoth(a, b *net.TCPConn) (fdA, fdB int32, err error) {
	if fdA, err = duplicate(a); err != nil {
		return -1, -1, err
	}
	if fdB, err = duplicate(b); err != nil {
		unix.Close(int(fdA))
		return -1, -1, err
	}
	return fdA, fdB, nil
}
