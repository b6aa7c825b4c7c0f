package relay

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"
)

// A storm is many clients that come, talk and go at random, while their nodes
// die and Close is called. Every byte is compared.
func TestStorm(t *testing.T) {
	t.Parallel()
	part := 1
	if testing.Short() {
		part = 10
	}
	for _, engine := range []struct {
		name  string
		make  func() Engine
		talks int
	}{{"Portable", NewPortable, 300}, {"Best", newBest, 1000}} {
		for kind, l := range layouts(t, engine.make) {
			t.Run(engine.name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				storm(t, l, l.fewer(engine.talks/part), 50)
			})
		}
	}
}

func storm(t *testing.T, l legs, talks, atOnce int) {
	if !alone(t) {
		return
	}
	engine := l.newEngine()
	before := openFiles()
	turns := make(chan int)
	var clients sync.WaitGroup
	for range atOnce {
		clients.Go(func() {
			for i := range turns {
				newTalk(t, l, engine, uint64(i)).run()
			}
		})
	}
	for i := range talks {
		turns <- i
	}
	close(turns)
	clients.Wait()
	engine.Wait()
	if after := openFiles(); after > before {
		t.Errorf("got %d open files, want %d", after, before)
	}
}

// talk is one client of a storm, and its node.
type talk struct {
	t            *testing.T
	name         string
	client, node *talker
	conn         Relay
	ended        chan End
	disaster     int
	patience     int // until it comes
}

// What can happen to a talk; with any other number nothing does.
const (
	drained = iota
	nodeVanishes
	nodeResets
	clientVanishes
	disasters = 8
)

func newTalk(t *testing.T, l legs, engine Engine, seed uint64) *talk {
	random := rand.New(rand.NewPCG(seed, 0))
	k := &talk{t: t, ended: make(chan End, 2), disaster: random.IntN(disasters), patience: random.IntN(300)}
	k.name = fmt.Sprintf("talk %d, disaster %d", seed, k.disaster)
	clientFar, client := l.clientLeg(t)
	nodeFar, node := l.nodeLeg(t)
	k.client, k.node = newTalker(clientFar, masked, random), newTalker(nodeFar, unmasked, random)
	k.conn = engine.Start(Pair{
		Client: client, Node: node,
		Options: Options{Stall: patience, Close: patience},
		Owner:   &owner{ended: k.ended},
	})
	return k
}

func (k *talk) run() {
	var all sync.WaitGroup
	for _, f := range []func(){k.client.read, k.node.read, k.client.write, k.nodeWrites, k.strike} {
		all.Go(f)
	}
	select {
	case end := <-k.ended:
		all.Wait()
		k.compare(end)
	case <-time.After(patience):
		k.t.Errorf("%s: the relay has not ended", k.name)
	}
}

// nodeWrites ends the node's connection, which is the node's part, after the
// Close frames of both.
func (k *talk) nodeWrites() {
	k.node.write()
	<-k.node.told
	k.node.conn.Close()
}

func (k *talk) strike() {
	for range k.patience {
		runtime.Gosched()
	}
	switch k.disaster {
	case drained:
		k.conn.Close(drainedClose)
	case nodeVanishes:
		k.node.conn.Close()
	case nodeResets:
		cutOff(k.node.conn)
	case clientVanishes:
		k.client.conn.Close()
	}
}

// cutOff resets a connection, which may have ended already.
func cutOff(c net.Conn) {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	_ = c.(*net.TCPConn).SetLinger(0)
	c.Close()
}

var drainedClose = Close{Code: 4200, Reason: "drained", By: ByDrain}

func (k *talk) compare(end End) {
	fail := func(what string) { k.t.Errorf("%s: %s; it ended with %+v", k.name, what, end) }
	if len(k.ended) > 0 {
		fail("Done was called twice")
	}
	if k.disaster > clientVanishes {
		if !bytes.Equal(k.node.got, k.client.sent) {
			fail("the node got others than the client sent")
		}
		if !bytes.Equal(k.client.got, k.node.sent) {
			fail("the client got others than the node sent")
		}
		return
	}
	if !bytes.HasPrefix(k.client.sent, k.node.got) {
		fail("the node got what the client has not sent")
	}
	got := k.client.got
	if k.client.incoming.closed { // by a frame that may be ours
		got = got[:k.client.closeAt]
	}
	if !bytes.HasPrefix(k.node.sent, got) {
		fail("the client got what the node has not sent")
	}
}

// talker is one far end of a talk. It writes its frames, and a Close frame
// after them or once one has come.
type talker struct {
	conn   net.Conn
	rand   *rand.Rand
	frames [][]byte
	close  []byte
	told   chan struct{} // that a Close frame has come, or the end

	incoming  follower
	closeAt   int // where the Close frame begins in got
	sent, got []byte
}

func newTalker(conn net.Conn, mask bool, random *rand.Rand) *talker {
	_ = conn.SetDeadline(time.Now().Add(patience))
	p := &talker{
		conn: conn, rand: rand.New(rand.NewPCG(random.Uint64(), 0)), told: make(chan struct{}),
		close: closeFrame(mask, 1000, ""), incoming: newFollower(!mask, 0),
	}
	for range random.IntN(20) {
		most := 200
		if kind := random.IntN(24); kind < 3 {
			most = []int{10, 20_000, 100_000}[kind]
		}
		p.frames = append(p.frames, binaryOf(mask, random.IntN(most)))
	}
	return p
}

func (p *talker) write() {
	for _, frame := range p.frames {
		select {
		case <-p.told:
			p.send(p.close)
			return
		default:
		}
		for len(frame) > 0 {
			n := 1 + p.rand.IntN(len(frame))
			if !p.send(frame[:n]) {
				return
			}
			frame = frame[n:]
		}
	}
	p.send(p.close)
}

// send notes what is sent before it is, as it may arrive in spite of an error.
func (p *talker) send(b []byte) bool {
	p.sent = append(p.sent, b...)
	_, err := p.conn.Write(b)
	return err == nil
}

// read reads until the end, after a Close frame too.
func (p *talker) read() {
	b := make([]byte, 64<<10)
	for {
		n, err := p.conn.Read(b)
		p.follow(b[:n])
		p.got = append(p.got, b[:n]...)
		if err != nil {
			break
		}
	}
	if !p.incoming.closed {
		close(p.told)
	}
	p.conn.Close()
}

// follow looks for a Close frame, byte by byte since it wants its beginning.
func (p *talker) follow(b []byte) {
	for i := range b {
		if p.incoming.closed {
			return
		}
		if p.incoming.atBoundary() {
			p.closeAt = len(p.got) + i
		}
		if _, _, err := p.incoming.follow(b[i : i+1]); err != nil {
			return
		}
		if p.incoming.closed {
			close(p.told)
		}
	}
}
