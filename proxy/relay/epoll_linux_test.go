package relay

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestEpoll(t *testing.T) { testEngine(t, newBest) }

func TestAPanicInCryptoTLSEndsItsClientAlone(t *testing.T) { testPanicInTLS(t, New(1)) }

func TestARelayAtRestIsSmall(t *testing.T) {
	if got := unsafe.Sizeof(epollRelay{}); got > 416 {
		t.Errorf("got %d bytes, want at most 416", got)
	}
}

// queues is how much waits for either leg of a relay; nothing once it has
// ended.
func queues(r *rig) (client, node int) {
	c := r.conn.(*epollRelay)
	got := make(chan [2]int, 1)
	c.shard.post(func() { got <- [2]int{len(c.client.out), len(c.node.out)} })
	select {
	case n := <-got:
		return n[0], n[1]
	case end := <-r.ended:
		r.ended <- end
		return 0, 0
	}
}

func TestSlowReadersAreNotSentMoreThanAFewReads(t *testing.T) {
	const most = bufferSize + readSize + 10*1024 // and what TLS adds
	for name, l := range layouts(t, newBest) {
		t.Run(name+"/Client", func(t *testing.T) {
			r := l.start(t, nil)
			stream := bytes.Repeat(binaryOf(unmasked, 5000), 4000)
			go r.node.Write(stream)
			waitUntilStuck(t, r.engine)
			if got, _ := queues(r); got == 0 || got > most {
				t.Errorf("%d bytes wait for the client, want some, but at most %d", got, most)
			}
			slowlyGets(t, r.client, stream)
		})
		t.Run(name+"/Node", func(t *testing.T) {
			r := l.start(t, nil)
			stream := bytes.Repeat(binaryOf(masked, 5000), 4000)
			go r.client.Write(stream)
			waitUntil(t, func() bool { _, got := queues(r); return got > 0 })
			if _, got := queues(r); got > most {
				t.Errorf("%d bytes wait for the node, want at most %d", got, most)
			}
			slowlyGets(t, r.node, stream)
		})
	}
}

// A network of short segments, and a client that reads little of them at a time: in
// Options.Stall it takes less than the relay has for it.
func TestAClientThatTakesLittleAtATimeIsNotCut(t *testing.T) {
	takesSeconds(t)
	const stall, part = time.Second, 1200
	far, near := narrowLeg(t)
	r := legs{newEngine: newBest}.start(t, func(p *Pair) {
		p.Client.Close() // not that one
		p.Client, p.Options.Stall = near, stall
	})
	frames := bytes.Repeat(binaryOf(unmasked, 996), 100)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = r.node.Write(frames)
	}()
	r.client = far
	_ = far.SetDeadline(time.Now().Add(patience))
	r.slowly(frames[:25*part], 3*stall, func(...[]byte) {}, r.clientGets)
	r.clientGets(frames[25*part:])
	<-sent
	r.node.Close()
	r.clientAnswers(lostClose.Code, lostClose.Reason)
	r.wantCleanEnd(ByNodeLost, lostClose.Code)
}

// narrowLeg is tcpLeg with small segments and buffers.
func narrowLeg(t *testing.T) (far, near net.Conn) {
	t.Helper()
	narrow := func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, 536)
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 4096)
		})
	}
	listener, err := (&net.ListenConfig{Control: narrow}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if far, err = (&net.Dialer{Control: narrow}).DialContext(t.Context(), "tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if near, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	return far, near
}

// slowlyGets reads in growing steps.
func slowlyGets(t *testing.T, conn net.Conn, want []byte) {
	t.Helper()
	for n := 1; len(want) > 0; n *= 3 {
		n = min(n, len(want))
		get(t, "slow reader", conn, want[:n])
		want = want[n:]
	}
}

func waitUntil(t *testing.T, ok func() bool) {
	t.Helper()
	waitFor(t, ok, func() string { return "it did not come to that" })
}

// leaveDescriptors lets the process open no more than so many.
func leaveDescriptors(t *testing.T, spare int) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	first := 0
	for free := -1; free < spare; first++ {
		if _, err := unix.FcntlInt(uintptr(first), unix.F_GETFD, 0); err != nil {
			free++
		}
	}
	old := limit
	limit.Cur = uint64(first) - 1
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old) })
}

func raiseDescriptors(t *testing.T) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
}

func TestThousandsOfRelaysLeaveNoFileBehind(t *testing.T) {
	t.Parallel()
	if !alone(t) {
		return
	}
	l := legs{newEngine: newBest}
	engine := l.newEngine()
	l.newEngine = func() Engine { return engine }
	before := openFiles()
	rounds := 30
	if testing.Short() {
		rounds = 3
	}
	for range rounds {
		var round []*rig
		for range 100 {
			round = append(round, l.start(t, nil))
		}
		for i, r := range round {
			switch i % 4 {
			case 0:
				r.client.Close()
			case 1:
				reset(t, r.node)
			case 2:
				reset(t, r.client)
			default:
				r.conn.Close(Close{Code: 4200, By: ByShutdown})
			}
			r.client.Close()
			r.node.Close()
		}
		engine.Wait()
	}
	if after := openFiles(); after != before {
		t.Errorf("got %d open files, want %d as before", after, before)
	}
}

func TestWhatTLSHasReadBeforeTheStartIsNotLost(t *testing.T) {
	l := legs{newEngine: newBest, tls: tlsConfig(t)}
	far, near := l.clientLeg(t)
	first, second := text(masked, "first"), text(masked, "second")
	send(t, far, join(first, second)) // one record
	early := make([]byte, 4)
	if _, err := io.ReadFull(near, early); err != nil {
		t.Fatal(err)
	}
	r := l.start(t, func(p *Pair) {
		p.Client.Close() // not that one
		p.Client, p.ToNode = near, early
	})
	r.nodeGets(first, second)
	far.Close()
	r.nodeIsOver()
	r.node.Close()
	r.wantCleanEnd(ByClient, 0)
}

func TestAKeyUpdateIsAnswered(t *testing.T) {
	r, s, far := startSealed(t, nil)
	for i := range 3 {
		message := text(masked, string(rune('a'+i)))
		send(t, far, join(s.seal(dataRecord, message), s.keyUpdate(), s.seal(dataRecord, message)))
		r.nodeGets(message, message)
		r.nodeSends(text(unmasked, "with a new key"))
		r.clientGets(text(unmasked, "with a new key"))
	}
	r.node.Close()
	r.clientGets(AppendClose(nil, lostClose.Code, lostClose.Reason))
	send(t, far, s.seal(dataRecord, closeFrame(masked, lostClose.Code, "")))
	r.clientIsOver()
	r.wantCleanEnd(ByNodeLost, lostClose.Code)
}

// A client that asks for key after key and reads nothing is not read for ever.
func TestKeyUpdatesDoNotFillTheMemory(t *testing.T) {
	t.Parallel()
	r, s, far := startSealed(t, func(p *Pair) {
		p.Options.Stall = time.Second
		p.Client.(*tls.Conn).NetConn().(*lower).Conn.(*net.TCPConn).SetWriteBuffer(4096)
	})
	go io.Copy(io.Discard, r.node)
	most := 0
	for {
		var flood []byte
		for range 100 {
			flood = append(flood, s.keyUpdate()...)
			flood = append(flood, s.seal(dataRecord, text(masked, "x"))...)
		}
		if _, err := far.Write(flood); err != nil {
			break
		}
		client, _ := queues(r)
		most = max(most, client)
	}
	if most > 2*maxQueue {
		t.Errorf("%d bytes waited for the client, want about %d at most", most, maxQueue)
	}
	r.wantEnd(ByTimeout, 0)
}

// startSealed is a rig whose client's records the test makes itself.
func startSealed(t *testing.T, change func(*Pair)) (*rig, *sealer, net.Conn) {
	t.Helper()
	far, near := tcpLeg(t)
	var log bytes.Buffer
	server := tls.Server(underTLS(near), tlsConfig(t))
	client := tls.Client(far, &tls.Config{InsecureSkipVerify: true, KeyLogWriter: &log})
	handshake := make(chan error, 1)
	go func() { handshake <- server.Handshake() }()
	if err := errors.Join(client.Handshake(), <-handshake); err != nil {
		t.Fatal(err)
	}
	l := legs{newEngine: newBest}
	r := l.start(t, func(p *Pair) {
		p.Client.Close() // not that one
		p.Client = server
		if change != nil {
			change(p)
		}
	})
	r.pair.Client = server
	r.client.Close()
	r.client = client
	_ = client.SetDeadline(time.Now().Add(patience))
	return r, newSealer(t, client, &log), far
}

func TestACutRecordIsAnErrorOfTheClient(t *testing.T) {
	r, s, far := startSealed(t, nil)
	whole, cut := s.seal(dataRecord, text(masked, "whole")), s.seal(dataRecord, text(masked, "cut"))
	send(t, far, join(whole, cut[:len(cut)/2]))
	r.nodeGets(text(masked, "whole"))
	halfClose(t, far)
	r.nodeIsOver()
	r.node.Close()
	if end := r.wantEnd(ByClient, 0); !errors.Is(end.Err, io.ErrUnexpectedEOF) {
		t.Errorf("got error %v, want an unexpected EOF", end.Err)
	}
}

func TestAForgedRecordIsAnErrorOfTheClient(t *testing.T) {
	r, s, far := startSealed(t, nil)
	record := s.seal(dataRecord, text(masked, "x"))
	record[len(record)-1]++
	send(t, far, record)
	if _, err := r.client.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the client got error %v, want an alert", err)
	}
	r.nodeIsOver()
	r.node.Close()
	if end := r.wantEnd(ByClient, 0); end.Err == nil {
		t.Error("got no error, want that of TLS")
	}
}

// The kernel resets a connection that is closed before all of it was read.
func TestWhatAClientSendsBehindItsCloseCostsItNothing(t *testing.T) {
	l := legs{newEngine: newBest}
	r := l.start(t, nil)
	r.clientSends(closeFrame(masked, 1000, ""))
	r.nodeGets(closeFrame(masked, 1000, ""))
	r.clientSends(make([]byte, 1000))
	last := join(binaryOf(unmasked, 200_000), closeFrame(unmasked, 1000, ""))
	r.nodeSends(last)
	r.node.Close()
	r.wantCleanEnd(ByClient, 1000)
	r.clientGets(last)
	r.clientIsOver()
}

// fire returns once the shard has done it: later, the node may have ended.
func (c *epollRelay) fire(forgive bool) {
	fired := make(chan struct{})
	c.shard.post(func() {
		defer close(fired)
		if forgive {
			c.pings.asked = 0
		}
		if !c.ended && c.closeBy == 0 {
			c.pingDue()
			c.proceed()
		}
	})
	<-fired
}

// underTLS is what crypto/tls has under it where clients come in.
func underTLS(conn net.Conn) net.Conn { return &lower{conn} }

func tokenOfBest(e Engine) token {
	if w, ok := e.(*wandering); ok {
		return w.token()
	}
	return e.(*Epoll).shards[0].token
}
