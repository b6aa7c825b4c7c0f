package devnode

import (
	"context"
	"encoding/json"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// What a busMessage can be.
const (
	busEvent     = "event"     // for the clients of a channel
	busTerminate = "terminate" // ends a user's clients
	busAsk       = "ask"       // wants a census of every node
	busAnswer    = "answer"    // has one
)

// busMessage is what nodes send each other.
type busMessage struct {
	Kind     string   `json:"kind"`
	Channels []string `json:"channels,omitempty"`
	Message  *message `json:"message,omitempty"` // without the channel
	Except   string   `json:"except,omitempty"`  // a socket_id
	User     userID   `json:"user,omitempty"`
	Ask      string   `json:"ask,omitempty"` // the question's name
	Census   *census  `json:"census,omitempty"`
}

// publish hands the message to every node, this one included, which delivers its
// own events only when they come back: so all nodes have them in one order. While
// the bus is gone the messages wait, and nobody is told.
func (n *Node) publish(m busMessage) {
	if n.faults.Load().LoseOut {
		return
	}
	if n.link == nil {
		n.receive(1, m)
		return
	}
	n.link.send(m)
}

// receive is called with every message of the bus, and how many nodes got it.
func (n *Node) receive(nodes int, m busMessage) {
	if n.faults.Load().LoseIn {
		return
	}
	switch m.Kind {
	case busEvent:
		for _, channel := range m.Channels {
			m.Message.Channel = channel
			out, _ := json.Marshal(m.Message)
			n.hub.deliver(channel, out, m.Except)
		}
	case busTerminate:
		n.hub.terminate(m.User)
	case busAsk:
		n.link.expect(m.Ask, nodes)
		own := n.hub.census()
		n.publish(busMessage{Kind: busAnswer, Ask: m.Ask, Census: &own})
	case busAnswer:
		n.link.answer(m.Ask, m.Census)
	}
}

// gather counts over all nodes. One that does not answer is waited for in vain
// for GatherTimeout, and then left out.
func (n *Node) gather() census {
	if n.link == nil {
		return n.hub.census()
	}
	q := n.link.ask()
	timer := time.NewTimer(n.options.GatherTimeout)
	defer timer.Stop()
	select {
	case <-q.complete:
	case <-timer.C:
	case <-n.ended:
	}
	return n.link.close(q)
}

// link is a node's connection to its bus.
type link struct {
	node *Node
	asks atomic.Int64
	wake chan struct{} // has room for one

	mu        sync.Mutex
	news      sync.Cond     // taken has grown, or the bus is gone
	sent      int           // messages
	taken     int           // those of them that are on the bus, or lost
	out       [][]byte      // waits for the bus, without bound
	conn      *conn         // nil: the bus is gone
	decoder   *json.Decoder // of conn
	questions map[string]*question
}

// question collects the nodes' answers.
type question struct {
	name     string
	wanted   int // 0: not known yet
	got      []*census
	complete chan struct{}
}

func newLink(n *Node) *link {
	l := &link{node: n, wake: make(chan struct{}, 1), questions: make(map[string]*question)}
	l.news.L = &l.mu
	return l
}

// join connects, and returns when the bus has taken the node in.
func (l *link) join() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var dialer net.Dialer
	raw, err := dialer.DialContext(ctx, "tcp", l.node.options.Bus)
	if err != nil {
		return err
	}
	c := newConn(raw, &l.node.gate)
	decoder := json.NewDecoder(c)
	var greeting busEnvelope
	if err := decoder.Decode(&greeting); err != nil {
		c.abandon()
		return err
	}
	return l.adopt(c, decoder)
}

func (l *link) adopt(c *conn, decoder *json.Decoder) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.node.ended:
		c.abandon()
		return net.ErrClosed
	default:
	}
	l.conn, l.decoder, l.taken = c, decoder, l.sent-len(l.out)
	l.stir()
	l.node.record.note(nil)
	return nil
}

// leave cuts the node off the bus.
func (l *link) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		l.conn.abandon()
	}
}

// run listens to the bus, and looks for it again when it is gone, until the
// node ends. Without a bus for too long, the node ends itself, as Reverb does.
func (l *link) run() {
	for {
		l.listen()
		if !l.rejoin() {
			l.node.end(ErrBusLost, (*conn).abandon)
			return
		}
	}
}

func (l *link) listen() {
	for {
		var e busEnvelope
		var m busMessage
		err := l.decoder.Decode(&e)
		if err == nil && e.Taken {
			l.took()
			continue
		}
		if err != nil || json.Unmarshal(e.Message, &m) != nil {
			l.lose()
			return
		}
		l.node.receive(e.Members, m)
	}
}

func (l *link) lose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn.abandon()
	l.conn = nil
	l.news.Broadcast()
	l.node.record.note(nil)
}

func (l *link) took() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken++
	l.news.Broadcast()
}

// settle waits until all that was sent is in its place on the bus, or the bus is gone.
// Reverb does not wait, but its connection to Redis is written before an answer is,
// and Redis reads what came first.
func (l *link) settle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for sent := l.sent; l.conn != nil && l.taken < sent; {
		l.news.Wait()
	}
}

func (l *link) isThere() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conn != nil
}

// rejoin tries every tenth of a second, for BusTimeout.
func (l *link) rejoin() bool {
	deadline := time.NewTimer(l.node.options.BusTimeout)
	defer deadline.Stop()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case <-again.C:
			if l.join() == nil {
				return true
			}
		case <-deadline.C:
			return false
		case <-l.node.ended:
			return false
		}
	}
}

// send never blocks.
func (l *link) send(m busMessage) {
	out, _ := json.Marshal(m)
	l.mu.Lock()
	l.out, l.sent = append(l.out, out), l.sent+1
	l.mu.Unlock()
	l.stir()
}

func (l *link) stir() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// write sends what waits while the bus is there, until the node ends.
func (l *link) write() {
	for {
		select {
		case <-l.wake:
		case <-l.node.ended:
			return
		}
		to, out := l.take()
		for _, m := range out {
			to.Write(m) // an error is for listen to find
		}
	}
}

// take takes nothing while the bus is gone.
func (l *link) take() (to *conn, out [][]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		return nil, nil
	}
	out, l.out = l.out, nil
	return l.conn, out
}

// ask sends a question to every node.
func (l *link) ask() *question {
	name := l.node.Addr().String() + "/" + strconv.FormatInt(l.asks.Add(1), 10)
	q := &question{name: name, complete: make(chan struct{})}
	l.mu.Lock()
	l.questions[name] = q
	l.mu.Unlock()
	l.send(busMessage{Kind: busAsk, Ask: name})
	return q
}

// expect learns how many nodes a question of this node has reached; those of
// others are unknown here.
func (l *link) expect(name string, nodes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if q := l.questions[name]; q != nil {
		q.wanted = nodes
	}
}

func (l *link) answer(name string, c *census) {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := l.questions[name]
	if q == nil {
		return
	}
	q.got = append(q.got, c)
	if len(q.got) == q.wanted {
		close(q.complete)
	}
}

// close ends the question and adds up what came.
func (l *link) close(q *question) census {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.questions, q.name)
	sum := census{Channels: make(map[string]channelCensus)}
	for _, c := range q.got {
		sum.add(c)
	}
	return sum
}
