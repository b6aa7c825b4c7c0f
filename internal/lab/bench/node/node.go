//go:build linux

// Package node is the node that the benchmark's clients talk to through each
// proxy: it echoes every message, broadcasts on request, and costs as little
// as that can, so that it is never what is measured.
package node

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"fermata/internal/lab/bench/frame"
	"fermata/internal/lab/bench/poll"
)

// Node listens on any number of addresses. Its methods are what the benchmark
// calls over net/rpc, and may be called concurrently.
type Node struct {
	poll *poll.Poller
	read []byte // of the loop

	mu        sync.Mutex // held for one batch of events, or one broadcast
	listeners map[int]bool
	clients   map[int]*client // by file descriptor
	replies   []byte          // to one client's batch of messages
}

// New starts the node's loop, which ends with the process.
func New() (*Node, error) {
	p, err := poll.New()
	if err != nil {
		return nil, err
	}
	n := &Node{poll: p, read: make([]byte, 64<<10), listeners: map[int]bool{}, clients: map[int]*client{}}
	go n.loop()
	return n, nil
}

// Listen listens on a free port of each host, and returns the addresses.
func (n *Node) Listen(hosts []string, addresses *[]string) error {
	for _, host := range hosts {
		fd, address, err := listen(host)
		if err != nil {
			return fmt.Errorf("listen on %s: %w", host, err)
		}
		n.mu.Lock()
		n.listeners[fd] = true
		n.mu.Unlock()
		if err := n.poll.Add(fd); err != nil {
			return err
		}
		*addresses = append(*addresses, address)
	}
	return nil
}

func listen(host string) (fd int, address string, err error) {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return 0, "", err
	}
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return 0, "", err
	}
	err = errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: ip.As4()}), unix.Listen(fd, 4096))
	name, err2 := unix.Getsockname(fd)
	if err := errors.Join(err, err2); err != nil {
		unix.Close(fd)
		return 0, "", err
	}
	return fd, fmt.Sprintf("%s:%d", host, name.(*unix.SockaddrInet4).Port), nil
}

// Broadcast is a message of Size bytes to every client of an app, Times times.
type Broadcast struct {
	App         string // the clients are those whose path is /app/App
	Size, Times int
	Interval    time.Duration // from one to the next
}

// Broadcast returns when the last message is on its way, and tells how many
// were sent to all of the clients together.
func (n *Node) Broadcast(b Broadcast, sent *int) error {
	message := frame.Append(nil, frame.Text, text(b.Size))
	next := time.NewTicker(max(b.Interval, time.Microsecond))
	defer next.Stop()
	for i := range b.Times {
		if i > 0 {
			<-next.C
		}
		*sent += n.send("/app/"+b.App, message)
	}
	return nil
}

func text(size int) []byte {
	p := make([]byte, size)
	for i := range p {
		p[i] = 'a' + byte(i%26)
	}
	return p
}

func (n *Node) send(path string, message []byte) (sent int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.clients {
		if c.path == path {
			n.write(c, message)
			sent++
		}
	}
	return sent
}

// loop serves every client. An error of epoll ends the process, which the
// benchmark sees.
func (n *Node) loop() {
	runtime.LockOSThread()
	for {
		events, err := n.poll.Wait(-1)
		if err != nil {
			fmt.Fprintln(os.Stderr, "node:", err)
			os.Exit(1)
		}
		n.serve(events)
	}
}

func (n *Node) serve(events []unix.EpollEvent) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range events {
		fd := int(e.Fd)
		if n.listeners[fd] {
			n.accept(fd)
		} else if c := n.clients[fd]; c != nil {
			n.serveClient(c, e.Events)
		}
	}
}

func (n *Node) accept(listener int) {
	for {
		fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		if err != nil {
			return // no more now; the next event tries again
		}
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		if n.poll.Add(fd) != nil {
			unix.Close(fd)
			continue
		}
		n.clients[fd] = &client{fd: fd}
	}
}
