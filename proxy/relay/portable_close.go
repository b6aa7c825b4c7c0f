package relay

import (
	"cmp"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// closing is what the two goroutines of a relay, and Relay.Close, tell each
// other about its end.
type closing struct {
	client, node net.Conn
	within       time.Duration           // from begin until cut
	lost         func(last string) Close // asks Owner.NodeLost, once
	begun        chan struct{}           // closed by begin

	mu     sync.Mutex
	ending ending
	bound  *time.Timer
	latest time.Time   // to when progress can put that off
	stall  *time.Timer // for the Close of a client whose node has stalled; nil: none
	answer *time.Timer // for what a malformed client's node still answers; nil: none
}

func newClosing(p Pair) *closing {
	return &closing{
		client: p.Client, node: p.Node,
		within: p.Options.Close, lost: askOnce(p.Owner),
		begun: make(chan struct{}),
	}
}

// askOnce asks the owner for what a client is told whose node is lost.
func askOnce(o Owner) func(last string) Close {
	var once sync.Once
	var answer Close
	return func(last string) Close {
		once.Do(func() { answer = o.NodeLost(last) })
		return answer
	}
}

// begin notes what ends the relay, unless something has already, and sees to
// it that the rest takes no longer than within. It reports whether this was
// the first. mu is held.
func (c *closing) begin(by By, err error) bool {
	if !c.ending.first(by, err) {
		return false
	}
	c.bound = time.AfterFunc(c.within, c.timeUp)
	c.latest = time.Now().Add(mostCloses * c.within)
	close(c.begun)
	return true
}

// want has a Close frame sent, unless the relay is ending already: toClient
// is woken from its read, and sends it at the next boundary.
func (c *closing) want(wish Close, cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := c.begin(wish.By, cause)
	if wish.Within > 0 {
		c.limit(time.Now().Add(wish.Within))
	}
	if first {
		c.ending.wish = &wish
		_ = c.node.SetReadDeadline(time.Unix(1, 0))
	}
}

// limit sets when the end is there at the latest. mu is held.
func (c *closing) limit(latest time.Time) {
	if latest.Before(c.latest) {
		c.latest = latest
		c.bound.Reset(min(c.within, time.Until(latest)))
	}
}

// progress puts off the cut of a relay that is ending: a frame that is still
// under way, and passes, is not late.
func (c *closing) progress() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending.by != "" {
		c.bound.Reset(min(c.within, time.Until(c.latest)))
	}
}

// passesToClient is progress for what goes to the client: of a large frame, or
// in front of our Close frame.
func (c *closing) passesToClient(open bool) {
	if _, wanted := c.wanted(); open || wanted {
		c.progress()
	}
}

// nudge wakes toClient from its read, unless the relay is ending already.
func (c *closing) nudge() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending.by == "" {
		_ = c.node.SetReadDeadline(time.Unix(1, 0))
	}
}

// isEnding reports whether something has begun to end the relay.
func (c *closing) isEnding() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending.by != ""
}

// wanted is the Close frame that is to be sent, if any.
func (c *closing) wanted() (wish Close, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending.wish == nil || c.ending.awaits {
		return Close{}, false
	}
	return *c.ending.wish, true
}

// The client's side, told by toNode.

// clientClosed notes the client's Close frame, before the node can answer it.
func (c *closing) clientClosed(code int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begin(ByClient, nil)
	c.ending.clientCode = uint16(code)
	if c.stall != nil && c.ending.by == ByClient { // there is no node to answer
		c.ending.wish = &Close{Code: code, By: ByClient}
		_ = c.node.SetReadDeadline(time.Unix(1, 0))
	}
}

// clientMalformed closes a client whose frames cannot be read further. As the node
// may still answer what came before, it gets a Close frame first.
func (c *closing) clientMalformed(bad *ProtocolError) {
	if !c.awaitAnswers(Close{Code: bad.Code, Reason: bad.Reason, By: ByLimit}, bad) {
		closeWrite(c.node)
		return
	}
	_, _ = write(c.node, appendMaskedClose(nil, bad.Code), c.within)
}

// awaitAnswers has a Close frame sent after what the node still answers, unless
// the relay is ending already.
func (c *closing) awaitAnswers(wish Close, cause error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.begin(wish.By, cause) {
		return false
	}
	c.ending.wish, c.ending.awaits = &wish, true
	c.answer = time.AfterFunc(c.within/2, c.answersOver)
	return true
}

// answersOver is told when the node has had its time to answer.
func (c *closing) answersOver() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending.awaits {
		c.ending.awaits = false
		_ = c.node.SetReadDeadline(time.Unix(1, 0))
	}
}

// answered is the Close frame that waits for the node's answers, the last of
// which has come; ok is whether there is one.
func (c *closing) answered() (wish Close, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ending.awaits {
		return Close{}, false
	}
	c.ending.awaits = false
	return *c.ending.wish, true
}

// clientEnded is told when no more comes from the client. One that has gone
// without a Close frame half-closes the node; one that needs nothing more is
// let go.
func (c *closing) clientEnded(err error) {
	c.mu.Lock()
	c.begin(ByClient, err)
	c.ending.clientOver = true
	silent, done := c.ending.clientCode == 0 && !c.ending.awaits, c.ending.sentCode != 0
	c.mu.Unlock()
	if silent {
		closeWrite(c.node)
	}
	if done {
		c.client.Close()
	}
}

// nodeRefuses is told when the node has not taken what was written. Unless it
// has stalled its connection is gone, and toClient gets to see the end of it
// after the last frames.
func (c *closing) nodeRefuses(err error) {
	if !errors.Is(err, os.ErrDeadlineExceeded) || c.isEnding() {
		return
	}
	wish := c.lost("")
	wish.By = ByTimeout
	if wish.After == 0 {
		c.want(wish, err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stall = time.AfterFunc(wish.After, func() { c.want(wish, err) })
}

// The node's side, told by toClient.

// nodeClosed notes the node's Close frame, before the client can answer it.
func (c *closing) nodeClosed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begin(ByNode, nil)
}

// nodeEnded is told when the node's frames have ended without a Close frame;
// err is nil when by a mere FIN.
func (c *closing) nodeEnded(inFrame bool, err error, last string) {
	farewell, ok := c.farewell(last)
	if ok && farewell.After > 0 && !c.hold(farewell.After) {
		farewell, ok = c.farewell("") // something has come in between
	}
	err = cmp.Or(farewell.Err, err)
	switch {
	case !ok:
	case inFrame:
		c.cut(farewell.By, errCutFrame(err))
	default:
		c.sendClose(farewell, err)
	}
}

// hold waits while a client whose node has ended is held open. It reports
// whether nothing else has begun to end the relay meanwhile.
func (c *closing) hold(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.begun:
		return false
	}
}

// farewell is what a client is told whose node has ended, if there is any use.
func (c *closing) farewell(last string) (farewell Close, ok bool) {
	c.mu.Lock()
	farewell, ok, ask := c.ending.farewell()
	c.mu.Unlock()
	if ask {
		return c.lost(last), true
	}
	return farewell, ok
}

// sendClose sends the client its one Close frame. Only toClient may, at a
// boundary, and writes nothing after it.
func (c *closing) sendClose(f Close, err error) {
	c.mu.Lock()
	c.begin(f.By, err)
	c.ending.awaits = false
	c.mu.Unlock()

	frame := AppendClose(nil, f.Code, f.Reason)
	if _, err := write(c.client, frame, c.within); err != nil {
		c.clientRefuses(err)
		return
	}
	if f.By == ByLimit {
		closeWrite(c.node)
		closeWrite(c.client) // no answer can be read
	}
	c.closeSent(f.Code)
}

// closeSent is told when a Close frame has gone to the client.
func (c *closing) closeSent(code int) {
	c.mu.Lock()
	c.ending.sentCode = uint16(code)
	done := c.ending.clientOver
	c.mu.Unlock()
	if done {
		c.client.Close()
	}
}

// clientRefuses is told when the client has not taken what was written.
// Unless it has stalled its connection is gone, and toNode gets to see the end
// of it after the last frames.
func (c *closing) clientRefuses(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.cut(ByTimeout, err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begin(ByClient, err)
}

// The end.

func (c *closing) timeUp() {
	c.mu.Lock()
	by, err := c.ending.by, c.ending.late(c.within)
	c.mu.Unlock()
	c.cut(by, err)
}

// cut ends both legs as they are. A tls.Conn's own Close could wait for a
// client that reads nothing.
func (c *closing) cut(by By, err error) {
	c.mu.Lock()
	c.begin(by, err)
	c.ending.because(err)
	c.mu.Unlock()
	cutConn(c.client)
	cutConn(c.node)
}

func cutConn(conn net.Conn) {
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secure.NetConn()
	}
	conn.Close()
}

// finish fills in what is known about the end. Both legs are closed, and neither
// goroutine does anything any more.
func (c *closing) finish(end *End) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bound.Stop()
	for _, timer := range []*time.Timer{c.answer, c.stall} {
		if timer != nil {
			timer.Stop()
		}
	}
	c.ending.end(end)
}

func closeWrite(conn net.Conn) {
	if conn, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = conn.CloseWrite()
	}
}
