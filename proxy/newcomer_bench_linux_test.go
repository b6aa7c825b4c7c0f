package proxy

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"fermata/balancer"
	"fermata/internal/arrival"
	"fermata/internal/metrics"
	"fermata/proxy/moves"
	"fermata/proxy/relay"
)

// BenchmarkNewClient is all of a client's life that costs much: it comes, is greeted, and
// goes. The clients and the node are in this process, too, but allocate nothing, so that
// B/op and allocs/op are Fermata's alone; of the time about half is.
func BenchmarkNewClient(b *testing.B) {
	var there [64]benchSocket
	front := benchFront(b, startBenchNode(b))
	for i := range there {
		there[i] = comes(b, front)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		client := &there[i%len(there)]
		client.goes(b)
		*client = comes(b, front)
	}
	for _, client := range there {
		client.goes(b)
	}
}

// benchFront starts a Handler in front of a node, as serve does, but that it paces nobody.
func benchFront(b *testing.B, node net.Addr) (at *unix.SockaddrInet4) {
	b.Helper()
	pool := balancer.New([]balancer.NodeOptions{{Name: "reverb-1", URL: balancer.URL{Host: node.String()}, Weight: 1}}, balancer.DefaultSticky())
	limits := DefaultLimits()
	limits.UpgradesPerSecond, limits.MaxClients = 0, 1000
	h := New(Options{Timeouts: DefaultTimeouts(), Limits: limits, MaxConnections: 1000, AwaitGreeting: true, Headers: DefaultHeaders()},
		Deps{Pool: pool, Moves: moves.New(pool, moves.Options{}), Engine: relay.New(1), Metrics: metrics.New(prometheus.NewRegistry()), Log: zap.NewNop()})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		l, err = h.engine.Listener(l, relay.Incoming{Enter: (&arrival.Entry{}).Enter, First: NewNewcomers(h).First})
	}
	if err != nil {
		b.Fatal(err)
	}
	var serving sync.WaitGroup
	server := &http.Server{Handler: h, ConnState: h.ConnState}
	serving.Go(func() { server.Serve(l) })
	b.Cleanup(func() {
		server.Close()
		serving.Wait()
		h.Wait()
	})
	to := netip.MustParseAddrPort(l.Addr().String())
	return &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}
}

// benchSocket is a client's, which blocks.
type benchSocket int

// comes connects a client and sends its upgrade.
func comes(b *testing.B, to *unix.SockaddrInet4) benchSocket {
	client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Connect(client, to)
	}
	if err == nil {
		_, err = unix.Write(client, benchHead)
	}
	if err != nil {
		b.Fatal(err)
	}
	return benchSocket(client)
}

// goes ends a client, once it has been greeted.
func (s benchSocket) goes(b *testing.B) {
	var answer [1 << 10]byte
	n, err := unix.Read(int(s), answer[:])
	if err != nil || n < len(benchAnswer) {
		b.Fatalf("got %d bytes, %v, want the %d of a 101 and a greeting at least", n, err, len(benchAnswer))
	}
	unix.Close(int(s))
}

// benchNode greets whoever comes, and goes when its client does.
type benchNode struct{ listening, poller int }

// startBenchNode returns where it is.
func startBenchNode(b *testing.B) net.Addr {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		b.Fatal(err)
	}
	n := benchNode{listening: int(file.Fd())}
	if n.poller, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err == nil {
		err = n.watch(n.listening)
	}
	if err != nil {
		b.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(n.run)
	b.Cleanup(func() {
		unix.Shutdown(n.listening, unix.SHUT_RD) // which ends it
		running.Wait()
		file.Close()
		l.Close()
		unix.Close(n.poller)
	})
	return l.Addr()
}

func (n benchNode) watch(fd int) error {
	return unix.EpollCtl(n.poller, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}

func (n benchNode) run() {
	events := make([]unix.EpollEvent, 64)
	for {
		some, _ := unix.EpollWait(n.poller, events, -1)
		for _, event := range events[:max(some, 0)] {
			if fd := int(event.Fd); fd != n.listening {
				greet(fd)
			} else if !n.accept() {
				return
			}
		}
	}
}

// accept is false when the node is to end. unix.Accept would allocate an address.
func (n benchNode) accept() bool {
	fd, _, errno := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(n.listening), 0, 0, unix.SOCK_CLOEXEC, 0, 0)
	return errno == 0 && n.watch(int(fd)) == nil
}

func greet(fd int) {
	var request [4 << 10]byte
	if n, err := unix.Read(fd, request[:]); n <= 0 || err != nil {
		unix.Close(fd)
		return
	}
	unix.Write(fd, benchAnswer)
}
