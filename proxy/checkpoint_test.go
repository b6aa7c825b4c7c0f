package proxy_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"testing"

	"fermata/internal/lab/devnode"
)

// checkpoint stands between Fermata and a node. All passes as it comes, with ends
// and resets; what has a word in it can be held up, so that a test stops a move
// exactly there.
type checkpoint struct {
	*devnode.Node
	name     string
	listener net.Listener
	passing  sync.WaitGroup

	mu   sync.Mutex
	stop *stop // nil: nothing is held up
}

// stop is where a checkpoint holds up what passes.
type stop struct {
	word    string
	held    string        // what was held up first, once that is reached
	cuts    bool          // it ends the connection instead
	reached chan struct{} // closed when something is held up
	opened  chan struct{} // closed when it may pass
	once    sync.Once
	open    func()
}

// before begins to stand before a node.
func before(t *testing.T, n *devnode.Node) *checkpoint {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &checkpoint{Node: n, name: n.Stats().Name, listener: l}
	c.passing.Go(c.accept)
	t.Cleanup(func() {
		c.holdUp("").open()
		n.Kill()
		l.Close()
		c.passing.Wait()
	})
	return c
}

func (c *checkpoint) URL() string { return "http://" + c.listener.Addr().String() }

// holdUp holds up everything that has the word in it, either way, until it is
// opened. It ends what was held up before.
func (c *checkpoint) holdUp(word string) *stop { return c.set(&stop{word: word}) }

// cutAt ends each connection where the word would pass.
func (c *checkpoint) cutAt(word string) *stop { return c.set(&stop{word: word, cuts: true}) }

func (c *checkpoint) set(s *stop) *stop {
	s.reached, s.opened = make(chan struct{}), make(chan struct{})
	s.open = sync.OnceFunc(func() { close(s.opened) })
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop != nil {
		c.stop.open()
	}
	c.stop = s
	return s
}

// wait waits until something is held up.
func (s *stop) wait(t *testing.T) {
	t.Helper()
	wait(t, s.reached, s.word+" is held up")
}

// pass is whether b may pass, once it may.
func (c *checkpoint) pass(b []byte) bool {
	c.mu.Lock()
	s := c.stop
	c.mu.Unlock()
	if s == nil || s.word == "" || !bytes.Contains(b, []byte(s.word)) {
		return true
	}
	s.once.Do(func() { s.held = string(b); close(s.reached) })
	if !s.cuts {
		<-s.opened
	}
	return !s.cuts
}

// Kill ends the node with a RST to everybody, and nobody listens any more.
func (c *checkpoint) Kill() {
	c.listener.Close()
	c.Node.Kill()
}

func (c *checkpoint) accept() {
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			return
		}
		c.passing.Go(func() { c.join(conn.(*net.TCPConn)) })
	}
}

// join passes on what comes from either side, until both have ended.
func (c *checkpoint) join(client *net.TCPConn) {
	defer client.Close()
	conn, err := net.Dial("tcp", c.Addr().String())
	if err != nil {
		client.SetLinger(0)
		return
	}
	node := conn.(*net.TCPConn)
	defer node.Close()
	var both sync.WaitGroup
	both.Go(func() { c.copy(node, client) })
	both.Go(func() { c.copy(client, node) })
	both.Wait()
}

func (c *checkpoint) copy(to, from *net.TCPConn) {
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if !c.pass(b[:n]) {
			reset(from)
			reset(to)
			return
		}
		if _, failed := to.Write(b[:n]); failed != nil {
			from.SetLinger(0)
			from.CloseRead() // so that it sends a RST when it has more to say
			return
		}
		switch {
		case err == io.EOF:
			to.CloseWrite()
			return
		case err != nil:
			to.SetLinger(0)
			to.Close()
			return
		}
	}
}

// reset ends a connection with a RST.
func reset(c net.Conn) {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	c.(*net.TCPConn).SetLinger(0)
	c.Close()
}
