package relay

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"
)

// Without it all works, but a client with TLS takes twice the memory.
func TestThisGoKeepsWhatItReadsWhereTheLoanLooks(t *testing.T) {
	if f := fieldsOf(reflect.TypeFor[tls.Conn]()); !f.known {
		t.Errorf("the fields of tls.Conn in %s are others than rawInput, hand (bytes.Buffer) and input (bytes.Reader), so that nothing is lent: see how it reads now, and change loan_linux.go", runtime.Version())
	}
}

func TestAConnectionWithOtherFieldsIsLentNothing(t *testing.T) {
	f := func(conn reflect.Type) {
		t.Helper()
		if got := fieldsOf(conn); got.known {
			t.Errorf("%v: got %+v, want no fields to be known", conn, got)
		}
	}
	type all struct {
		rawInput, hand bytes.Buffer //lint:ignore U1000 looked up by name
		input          bytes.Reader //lint:ignore U1000 looked up by name
	}
	f(reflect.TypeFor[struct{}]())
	f(reflect.TypeFor[struct {
		rawInput, hand bytes.Buffer
		input          *bytes.Reader
	}]())
	f(reflect.TypeFor[struct {
		rawInput []byte
		hand     bytes.Buffer
		input    bytes.Reader
	}]())
	f(reflect.TypeFor[struct{ all }]())
	if got := fieldsOf(reflect.TypeFor[all]()); !got.known {
		t.Errorf("got %+v, want the fields to be known", got)
	}
}

// browserTLS are legs with TLS of that version to both, whose keys are made as with a
// browser.
func browserTLS(t *testing.T, version uint16, newEngine func() Engine) legs {
	t.Helper()
	config := tlsConfig(t)
	config.MaxVersion = version
	return legs{newEngine: newEngine, tls: config, nodeTLS: config}
}

func eachTLS(t *testing.T, f func(t *testing.T, version uint16)) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) { f(t, version) })
	}
}

func TestAnIdleTLSClientHoldsNothingOfWhatWasRead(t *testing.T) {
	eachTLS(t, func(t *testing.T, version uint16) {
		r := browserTLS(t, version, newBest).start(t, nil)
		for _, size := range []int{10, 20_000, 10} {
			r.clientSends(binaryOf(masked, size))
			r.nodeGets(binaryOf(masked, size))
			r.nodeSends(binaryOf(unmasked, size))
			r.clientGets(binaryOf(unmasked, size))
			if client, node := r.kept(t); client != 0 || node != 0 {
				t.Errorf("after %d bytes: crypto/tls keeps buffers of %d bytes for the client and %d for the node, want none", size, client, node)
			}
		}
	})
}

// kept is how large crypto/tls's buffers of both legs are.
func (r *rig) kept(t *testing.T) (client, node int) {
	t.Helper()
	c := r.conn.(*epollRelay)
	size := func(conn *tls.Conn) int {
		if conn == nil {
			return 0
		}
		f := &c.shard.loan.fields
		return f.records(conn).Cap() + f.messages(conn).Cap() + int(f.data(conn).Size())
	}
	got := make(chan [2]int, 1)
	c.shard.post(func() { got <- [2]int{size(c.client.secure), size(c.node.secure)} })
	select {
	case n := <-got:
		return n[0], n[1]
	case <-time.After(patience):
		t.Fatal("the shard did not answer")
		return 0, 0
	}
}

// A half of a record is in memory that was lent: it is the client's until the other
// half has come, whatever others send meanwhile.
func TestAHalfOfARecordStaysWithItsClient(t *testing.T) {
	engine := oneShard(t)
	clients := make([]*pieces, 4)
	for i := range clients {
		clients[i] = startInPieces(t, engine, tls.VersionTLS13)
	}
	for round := range 3 {
		for i, c := range clients {
			c.hold()
			c.rig.clientSends(text(masked, fmt.Sprintf("client %d, message %d", i, round)))
			c.sendHalf(t)
		}
		for i, c := range clients {
			c.pass(t)
			c.rig.nodeGets(text(masked, fmt.Sprintf("client %d, message %d", i, round)))
		}
	}
}

func TestRecordsOfManyClientsInPiecesAreNotMixed(t *testing.T) {
	t.Parallel()
	eachTLS(t, func(t *testing.T, version uint16) {
		engine := oneShard(t)
		var wg sync.WaitGroup
		for i := range 8 {
			c := startInPieces(t, engine, version)
			c.cut = true
			up, down := messagesOf(masked, i), messagesOf(unmasked, i)
			for _, work := range []func(){
				func() { c.rig.client.Write(up) }, func() { c.rig.node.Write(down) },
				func() { c.rig.wants(c.rig.node, up) }, func() { c.rig.wants(c.rig.client, down) },
			} {
				wg.Go(work)
			}
		}
		wg.Wait()
	})
}

// messagesOf are messages of all sizes, which differ from others'.
func messagesOf(mask bool, number int) (b []byte) {
	for i := range 60 {
		size := rand.IntN(200)
		if i%10 == 0 {
			size = rand.IntN(40_000)
		}
		b = appendFrame(b, bitFIN|opBinary, mask, bytes.Repeat([]byte{byte(number), byte(i)}, size))
	}
	return b
}

// wants is for goroutines.
func (r *rig) wants(from io.Reader, want []byte) {
	got := make([]byte, len(want))
	if n, err := io.ReadFull(from, got); err != nil || !bytes.Equal(got, want) {
		r.t.Errorf("got other bytes, %d of %d, and error %v", n, len(want), err)
	}
}

func TestAHalfOfAHandshakesMessageIsNotLost(t *testing.T) {
	r, s, far := startSealed(t, nil)
	update := []byte{24, 0, 0, 1, 1}
	send(t, far, s.seal(handshakeRecord, update[:2]))
	for end := time.Now().Add(patience); ; runtime.Gosched() {
		if client, _ := r.kept(t); client > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the half of a message was not read")
		}
	}
	send(t, far, s.seal(handshakeRecord, update[2:]))
	s.use(s.expand("traffic upd", sha256.Size))
	send(t, far, s.seal(dataRecord, text(masked, "under the next key")))
	r.nodeGets(text(masked, "under the next key"))
	if client, _ := r.kept(t); client != 0 {
		t.Errorf("crypto/tls keeps buffers of %d bytes, want none", client)
	}
}

// shared is an engine of several relays, whose end the test waits for itself.
type shared struct{ Engine }

func (shared) Wait() {}

func oneShard(t *testing.T) shared {
	t.Helper()
	engine := New(1)
	t.Cleanup(engine.Wait)
	return shared{engine}
}

// pieces is what is under a client's TLS. It sends what it is told in pieces.
type pieces struct {
	net.Conn
	rig  *rig
	cut  bool // into pieces of any size
	held *bytes.Buffer
}

// startInPieces starts a relay with a client that writes through pieces.
func startInPieces(t *testing.T, engine Engine, version uint16) *pieces {
	t.Helper()
	l := browserTLS(t, version, func() Engine { return engine })
	far, near := tcpLeg(t)
	c := &pieces{Conn: far}
	server, client := tls.Server(underTLS(near), l.tls), tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	shakeHands(t, server, client)
	c.rig = l.startWith(t, client, server)
	return c
}

// startWith starts with a client's leg that was made before.
func (l legs) startWith(t *testing.T, far, near net.Conn) *rig {
	t.Helper()
	r := l.start(t, func(p *Pair) {
		p.Client.Close() // not that one
		p.Client = near
	})
	r.client.Close()
	r.client = far
	_ = far.SetDeadline(time.Now().Add(patience))
	return r
}

func (p *pieces) hold() { p.held = new(bytes.Buffer) }

// sendHalf sends half of what it holds.
func (p *pieces) sendHalf(t *testing.T) {
	t.Helper()
	send(t, p.Conn, p.held.Next(p.held.Len()/2))
}

// pass sends the rest, and holds nothing any more.
func (p *pieces) pass(t *testing.T) {
	t.Helper()
	send(t, p.Conn, p.held.Bytes())
	p.held = nil
}

func (p *pieces) Write(b []byte) (int, error) {
	switch {
	case p.held != nil:
		return p.held.Write(b)
	case !p.cut:
		return p.Conn.Write(b)
	}
	for sent := 0; sent < len(b); {
		n, err := p.Conn.Write(b[sent:min(len(b), sent+1+rand.IntN(3000))])
		if sent += n; err != nil {
			return sent, err
		}
		runtime.Gosched()
	}
	return len(b), nil
}

// Such frames are in crypto/tls's own memory when the relay starts.
func TestFramesThatComeWithTheFinishedAreNotLost(t *testing.T) {
	l := browserTLS(t, tls.VersionTLS13, newBest)
	far, near := tcpLeg(t)
	c := &pieces{Conn: far}
	server, client := tls.Server(underTLS(near), l.tls), tls.Client(helloFirst{c}, &tls.Config{InsecureSkipVerify: true})
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	if err := client.Handshake(); err != nil { // its Finished waits
		t.Fatal(err)
	}
	send(t, client, join(text(masked, "early"), text(masked, "and more")))
	c.pass(t)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	r := l.startWith(t, client, server)
	r.nodeGets(text(masked, "early"), text(masked, "and more"))
	r.clientSends(text(masked, "later"))
	r.nodeGets(text(masked, "later"))
	if client, _ := r.kept(t); client != 0 {
		t.Errorf("crypto/tls keeps buffers of %d bytes, want none", client)
	}
}

// helloFirst lets a ClientHello through, and holds what comes after it.
type helloFirst struct{ *pieces }

func (h helloFirst) Write(b []byte) (int, error) {
	n, err := h.pieces.Write(b)
	if h.held == nil {
		h.hold()
	}
	return n, err
}

// tickets counts those that a node has given.
type tickets struct {
	tls.ClientSessionCache
	got chan struct{}
}

func (c tickets) Put(key string, session *tls.ClientSessionState) {
	c.ClientSessionCache.Put(key, session)
	c.got <- struct{}{}
}

// They come after the handshake, and are not lost to resumption.
func TestANodesTicketsAreTaken(t *testing.T) {
	l := browserTLS(t, tls.VersionTLS13, newBest)
	far, near := tcpLeg(t)
	cache := tickets{tls.NewLRUClientSessionCache(1), make(chan struct{}, 10)}
	server, client := tls.Server(far, l.nodeTLS), Secure(near, &tls.Config{InsecureSkipVerify: true, ServerName: "node.example", ClientSessionCache: cache})
	shakeHands(t, server, client)
	if len(cache.got) != 0 {
		t.Fatalf("got %d tickets in the handshake, want them after it", len(cache.got))
	}
	l.nodeTLS = nil
	r := l.start(t, func(p *Pair) {
		p.Node.Close() // not that one
		p.Node = client
	})
	r.node.Close()
	r.node = server
	_ = server.SetDeadline(time.Now().Add(patience))
	r.nodeSends(text(unmasked, "after the ticket"))
	r.clientGets(text(unmasked, "after the ticket"))
	if len(cache.got) == 0 {
		t.Error("got no ticket, want one")
	}
	if _, node := r.kept(t); node != 0 {
		t.Errorf("crypto/tls keeps buffers of %d bytes, want none", node)
	}
}

// With a Go that is not known, all passes as before.
func TestAShardThatLendsNothingRelaysAllTheSame(t *testing.T) {
	eachTLS(t, func(t *testing.T, version uint16) {
		engine := oneShard(t)
		engine.Engine.(*Epoll).shards[0].loan.fields = connFields{}
		c := startInPieces(t, engine, version)
		for _, size := range []int{10, 20_000, 10} {
			c.rig.clientSends(binaryOf(masked, size))
			c.rig.nodeGets(binaryOf(masked, size))
			c.rig.nodeSends(binaryOf(unmasked, size))
			c.rig.clientGets(binaryOf(unmasked, size))
		}
	})
}
