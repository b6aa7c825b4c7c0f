package relay

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/nettest"
	"golang.org/x/sys/unix"

	"fermata/internal/lab/port"
)

// dialed are both ends of a connection of an engine: dialled and accepted.
func dialed(engine Engine) (dialled, accepted net.Conn, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, nil, err
	}
	if l, err = engine.Listener(l, Incoming{}); err != nil {
		return nil, nil, nil, err
	}
	defer l.Close()
	if dialled, err = engine.Dial(context.Background(), l.Addr().String()); err != nil {
		return nil, nil, nil, err
	}
	if accepted, err = l.Accept(); err != nil {
		return nil, nil, nil, errors.Join(err, dialled.Close())
	}
	return dialled, accepted, func() {
		dialled.Close()
		accepted.Close()
		engine.Wait()
	}, nil
}

// listening is a listener of the net package's for one test.
func listening(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// As net/http and crypto/tls take it for one.
func TestAConnectionOfAShardIsANetConn(t *testing.T) {
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) { return dialed(New(2)) })
}

func TestBothEndsKnowTheirAddresses(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", "[::]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Logf("%s: not here: %v", address, err)
			continue
		}
		engine := New(1)
		if l, err = engine.Listener(l, Incoming{}); err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(l.Addr().String())
		host := "127.0.0.1" // also of the one that listens for both
		if strings.HasPrefix(address, "[::1]") {
			host = "::1"
		}
		far, err := engine.Dial(t.Context(), net.JoinHostPort(host, port))
		if err != nil {
			t.Fatal(err)
		}
		near, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if far.LocalAddr().String() != near.RemoteAddr().String() || far.RemoteAddr().String() != near.LocalAddr().String() {
			t.Errorf("%s: got %s to %s at one end, and %s to %s at the other", address,
				far.LocalAddr(), far.RemoteAddr(), near.RemoteAddr(), near.LocalAddr())
		}
		far.Close()
		near.Close()
		l.Close()
		engine.Wait()
	}
}

func TestSmallMessagesAreNotHeldBackByTheKernel(t *testing.T) {
	dialled, in, stop, err := dialed(New(1))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	f := func(what string, c *netConn, level, option, want int) {
		t.Helper()
		if got, err := unix.GetsockoptInt(int(c.fd), level, option); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", what, got, err, want)
		}
	}
	node := dialled.(*netConn)
	f("a node's TCP_NODELAY", node, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	f("a node's keepalive", node, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	f("a node's silence", node, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 60)
	f("a client's TCP_NODELAY", in.(*lower).Conn.(*netConn), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
}

func TestADialThatIsRefusedSaysSo(t *testing.T) {
	if !alone(t) {
		return
	}
	for _, address := range []string{port.Reserve(t), strings.Replace(port.Reserve(t), "127.0.0.1", "localhost", 1)} {
		engine := New(1)
		before := openFiles()
		conn, err := engine.Dial(t.Context(), address)
		if conn != nil || !errors.Is(err, syscall.ECONNREFUSED) || !strings.HasSuffix(err.Error(), "connect: connection refused") {
			t.Errorf("%s: got %v, %v, want a refusal", address, conn, err)
		}
		engine.Wait()
		if after := openFiles(); after != before {
			t.Errorf("%s: got %d open files, want %d", address, after, before)
		}
	}
}

func TestADialByNameIsRelayed(t *testing.T) {
	engine := New(1)
	l := listening(t)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	conn, err := engine.Dial(t.Context(), "localhost:"+port)
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	r := legs{newEngine: func() Engine { return engine }}.start(t, func(p *Pair) {
		p.Node.Close() // not that one
		p.Node = conn
	})
	r.node.Close()
	r.node = far
	_ = far.SetDeadline(time.Now().Add(patience))
	r.clientSends(text(masked, "x"))
	r.nodeGets(text(masked, "x"))
	if _, epoll := r.conn.(*epollRelay); !epoll {
		t.Error("it is not relayed")
	}
}

// crowded is an address whose queue of connections is full, so that the next
// one hangs until somebody accepts.
func crowded(t *testing.T) (address string, accept func()) {
	t.Helper()
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(s) })
	if err := errors.Join(unix.Bind(s, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(s, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(s)
	if err != nil {
		t.Fatal(err)
	}
	a := name.(*unix.SockaddrInet4)
	address = (&net.TCPAddr{IP: a.Addr[:], Port: a.Port}).String()
	first, err := net.Dial("tcp", address) // fills it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { first.Close() })
	return address, func() {
		for range 2 {
			if fd, _, err := unix.Accept(s); err == nil {
				t.Cleanup(func() { unix.Close(fd) })
			}
		}
	}
}

func TestADialThatHangsEndsWithItsContext(t *testing.T) {
	address, _ := crowded(t)
	engine := New(1)
	late, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if conn, err := engine.Dial(late, address); conn != nil || !isTimeout(err) || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, %v, want a timeout", conn, err)
	}
	past := deadline{t.Context(), time.Now().Add(20 * time.Millisecond)}
	if conn, err := engine.Dial(past, address); conn != nil || !isTimeout(err) || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a context that nobody can end: got %v, %v, want a timeout", conn, err)
	}
	gone := errors.New("the client has gone")
	leaving, leave := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { leave(gone) })
	if conn, err := engine.Dial(leaving, address); conn != nil || !errors.Is(err, gone) {
		t.Errorf("got %v, %v, want the context's cause", conn, err)
	}
	engine.Wait()
}

// isTimeout is what a health check asks, which takes no dial that was merely
// late for one that failed.
func isTimeout(err error) bool {
	failure, ok := errors.AsType[net.Error](err)
	return ok && failure.Timeout()
}

// deadline is a context that has one, and cannot be cancelled.
type deadline struct {
	context.Context
	by time.Time
}

func (d deadline) Deadline() (time.Time, bool) { return d.by, true }
func (d deadline) Done() <-chan struct{}       { return nil }

func TestADialThatHangsSucceedsWhenItIsAccepted(t *testing.T) {
	address, accept := crowded(t)
	engine := New(1)
	time.AfterFunc(20*time.Millisecond, accept)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := engine.Dial(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	conn.Close()
	engine.Wait()
}

// Of the descriptors that a dial or an accept needs, each in turn is one too
// many.
func TestWithoutDescriptorsADialFailsAndNothingLeaks(t *testing.T) {
	if !alone(t) {
		return
	}
	l := listening(t)
	for spare := range 4 {
		engine := New(1)
		before := openFiles()
		leaveDescriptors(t, spare)
		conn, err := engine.Dial(t.Context(), l.Addr().String())
		raiseDescriptors(t)
		if conn != nil || !errors.Is(err, syscall.EMFILE) {
			t.Errorf("%d spare descriptors: got %v, %v, want too many open files", spare, conn, err)
		}
		engine.Wait()
		if after := openFiles(); after != before {
			t.Errorf("%d spare descriptors: got %d open files, want %d", spare, after, before)
		}
	}
}

func TestAConnectionToItselfIsNobodyThatListens(t *testing.T) {
	for _, to := range []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0"), netip.MustParseAddrPort("[::1]:0")} {
		engine := New(1).(*Epoll)
		fd, err := newSocket(to)
		if err != nil {
			t.Fatal(err)
		}
		var own unix.Sockaddr = &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
		if to.Addr().Is6() {
			own = &unix.SockaddrInet6{Addr: to.Addr().As16()}
		}
		if err := unix.Bind(int(fd), own); err != nil {
			t.Logf("%s: not here: %v", to, err)
			closeFD(fd)
			continue
		}
		ours, err := addressOf(unix.SYS_GETSOCKNAME, fd)
		if err != nil {
			t.Fatal(err)
		}
		c, err := unwatched(engine.nextShard(), fd, ours, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.connect(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: got %v, want a refusal", ours, err)
		}
		c.Close()
		engine.Wait()
	}
}

// An http.Server that is closed closes what it is just giving away.
func TestARelayOfAClosedConnectionEndsAtOnce(t *testing.T) {
	engine := New(2)
	for i := range 2 {
		farClient, client, _, err := dialed(engine)
		if err != nil {
			t.Fatal(err)
		}
		node, farNode, _, err := dialed(engine)
		if err != nil {
			t.Fatal(err)
		}
		[]net.Conn{client, node}[i].Close()
		ended := make(chan End, 1)
		engine.Start(Pair{Client: client, Node: node, Owner: &owner{ended: ended}, Options: Options{Stall: patience, Close: patience}})
		<-ended
		farClient.Close()
		farNode.Close()
	}
	engine.Wait()
}

// A relay's legs come from whichever shards they were accepted and dialled in.
func TestALegMovesToTheShardOfTheOther(t *testing.T) {
	engine := New(3).(*Epoll)
	var all sync.WaitGroup
	for i := range 9 {
		farClient, client, _, err := dialed(engine)
		if err != nil {
			t.Fatal(err)
		}
		node, farNode, _, err := dialed(engine)
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			engine.next.Add(1)
		}
		conn := engine.Start(Pair{Client: client, Node: node, Owner: new(owner), Options: Options{Stall: patience, Close: patience}})
		if _, epoll := conn.(*epollRelay); !epoll {
			t.Fatal("it is not relayed")
		}
		all.Go(func() { pass(t, farClient, farNode, text(masked, "to the node")) })
		all.Go(func() { pass(t, farNode, farClient, text(unmasked, "to the client")) })
		defer farNode.Close()
		defer farClient.Close()
	}
	all.Wait()
}

// pass sends a message from one end of a relay to the other.
func pass(t *testing.T, from, to net.Conn, message []byte) {
	_ = to.SetReadDeadline(time.Now().Add(patience))
	_, sendErr := from.Write(message)
	got := make([]byte, len(message))
	if _, err := io.ReadFull(to, got); err != nil || sendErr != nil || string(got) != string(message) {
		t.Errorf("got %q, %v, %v, want %q", got, sendErr, err, message)
	}
}
