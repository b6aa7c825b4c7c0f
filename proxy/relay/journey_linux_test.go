package relay

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestAStreamPassesThroughHundredsOfMoves moves a relay again and again under
// traffic, between nodes that all send the same events in the same order. What
// passes is numbered, each way.
func TestAStreamPassesThroughHundredsOfMoves(t *testing.T) {
	t.Parallel()
	moves := 200
	if testing.Short() {
		moves = 20
	}
	eachClient(t, func(t *testing.T, l legs) {
		j := newJourney(t, l)
		for k := range moves {
			j.move(k)
		}
		j.end()
	})
}

// journey is a relay that is moved, and all at its far ends.
type journey struct {
	t            *testing.T
	r            *rig
	stop         func()
	stopped      chan struct{}
	senders, all sync.WaitGroup
	up, down     stream

	mu    sync.Mutex            // the one order of all that nodes send
	nodes map[net.Conn]struct{} // that send events
}

// stream is one direction: a message may be sent once there is room for it.
type stream struct {
	room      chan struct{}
	sent, got atomic.Int64
}

func newJourney(t *testing.T, l legs) *journey {
	j := &journey{t: t, r: l.start(t, nil), stopped: make(chan struct{}), nodes: make(map[net.Conn]struct{})}
	j.stop = sync.OnceFunc(func() { close(j.stopped) })
	t.Cleanup(j.stop)
	for _, s := range []*stream{&j.up, &j.down} {
		s.room = make(chan struct{}, 50)
	}
	_ = j.r.client.SetDeadline(time.Now().Add(10 * patience))
	j.arrive(j.r.node)
	client := rand.New(rand.NewPCG(1, 1))
	j.senders.Go(func() {
		j.send(&j.up, func(text string) {
			sendInParts(client, j.r.client, appendFrame(nil, bitFIN|opText, masked, []byte(text)))
		})
	})
	j.senders.Go(func() { j.send(&j.down, j.publish) })
	j.all.Go(func() { j.receive(&j.down, bufio.NewReader(j.r.client), nil) })
	return j
}

// send sends numbered messages of many sizes.
func (j *journey) send(s *stream, send func(text string)) {
	random := rand.New(rand.NewPCG(2, 2))
	for {
		select {
		case <-j.stopped:
			return
		case s.room <- struct{}{}:
		}
		size := random.IntN(300)
		if kind := random.IntN(60); kind < 3 {
			size = []int{10_000, 40_000, 100_000}[kind]
		}
		send(fmt.Sprintf("%d %s", s.sent.Load(), strings.Repeat("x", size)))
		s.sent.Add(1)
	}
}

// receive wants what was sent, one after the other, and answers what is not.
func (j *journey) receive(s *stream, from *bufio.Reader, answer func(text string) bool) {
	for {
		text, err := nextText(from)
		if err != nil {
			return
		}
		if answer != nil && answer(text) {
			continue
		}
		var n int64
		if _, err := fmt.Sscanf(text, "%d ", &n); err != nil || n != s.got.Load() {
			j.t.Errorf("got %q, want message %d", abbreviate([]byte(text)), s.got.Load())
		}
		s.got.Add(1)
		<-s.room
	}
}

// sendInParts cuts b anywhere.
func sendInParts(random *rand.Rand, conn net.Conn, b []byte) {
	for len(b) > 0 {
		n := 1 + random.IntN(len(b))
		if _, err := conn.Write(b[:n]); err != nil {
			return
		}
		b = b[n:]
	}
}

// publish has every node send an event.
func (j *journey) publish(event string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for node := range j.nodes {
		_, _ = node.Write(text(unmasked, event)) // one that is left may be closed
	}
}

// arrive has a node send events, and take what the client sends.
func (j *journey) arrive(node net.Conn) {
	_ = node.SetDeadline(time.Now().Add(10 * patience))
	j.mu.Lock()
	defer j.mu.Unlock()
	j.nodes[node] = struct{}{}
	j.all.Go(func() {
		j.receive(&j.up, bufio.NewReader(node), func(got string) bool {
			if n, ok := strings.CutPrefix(got, "sync"); ok {
				j.mu.Lock()
				defer j.mu.Unlock()
				_, _ = node.Write(text(unmasked, secret+n))
				return true
			}
			return got == "settle" || got == "undo"
		})
	})
}

func (j *journey) leave(node net.Conn) {
	node.Close() // ends a write to it
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.nodes, node)
}

// jump is one move.
type jump struct {
	n                       string
	begun, answered, marked chan struct{}
	givenUp                 atomic.Bool
}

func (m *jump) Begin() [][]byte {
	close(m.begun)
	return texts("sync" + m.n)
}

func (m *jump) FromNode(text []byte) (pass, last bool) {
	switch string(text) {
	case secret + m.n:
		close(m.answered)
		return false, m.givenUp.Load()
	case marker + m.n:
		close(m.marked)
		return false, true
	}
	return true, false
}

func (m *jump) Aborted(error) {}

// move moves the relay to another node, or gives that up on the way.
func (j *journey) move(k int) {
	m := &jump{n: fmt.Sprint(k), begun: make(chan struct{}), answered: make(chan struct{}), marked: make(chan struct{})}
	j.r.conn.Hold(m, 150_000)
	if k%5 == 4 { // its answer may be still to come
		m.givenUp.Store(true)
		j.r.conn.Resume(texts("undo"))
		return
	}
	within(j.t, "Begin", m.begun)
	far, near := j.r.legs.anotherNode(j.t, j.r.engine)
	_ = near.SetDeadline(time.Now().Add(patience))
	j.arrive(far)
	within(j.t, "an answer", m.answered)
	j.publish(marker + m.n)
	rest := j.behindMarker(near, marker+m.n)
	within(j.t, "the marker", m.marked)
	if k%3 == 2 {
		j.r.conn.Resume(texts("undo"))
		near.Close()
		j.leave(far)
		return
	}
	done := make(chan error, 1)
	j.r.conn.Replace(Replacement{Node: near, Rest: rest, ToNode: texts("settle"), Done: func(err error) { done <- err }})
	if err := within(j.t, "Done", done); err != nil {
		j.t.Fatal(err)
	}
	j.leave(j.r.node)
	j.r.node = far
}

// behindMarker is what has come from a node behind the marker.
func (j *journey) behindMarker(near net.Conn, marker string) []byte {
	from := bufio.NewReader(near)
	for {
		got, err := nextText(from)
		if err != nil {
			j.t.Fatal(err)
		}
		if got == marker {
			return bytes.Clone(rest(from))
		}
	}
}

// end waits for all that was sent.
func (j *journey) end() {
	j.stop()
	j.senders.Wait()
	for name, s := range map[string]*stream{"up": &j.up, "down": &j.down} {
		waitFor(j.t, func() bool { return s.got.Load() == s.sent.Load() },
			func() string { return fmt.Sprintf("%s: got %d messages, want %d", name, s.got.Load(), s.sent.Load()) })
		j.t.Logf("%s: %d messages", name, s.got.Load())
	}
	j.r.client.Close()
	j.r.node.Close()
	j.all.Wait()
}

// nextText reads one text message of either side.
func nextText(r io.Reader) (string, error) {
	frame := make([]byte, 2)
	if _, err := io.ReadFull(r, frame); err != nil {
		return "", err
	}
	head, payload := measure(frame)
	for ; head == 0; head, payload = measure(frame) {
		frame = append(frame, 0)
		if _, err := io.ReadFull(r, frame[len(frame)-1:]); err != nil {
			return "", err
		}
	}
	text := make([]byte, payload)
	if _, err := io.ReadFull(r, text); err != nil {
		return "", err
	}
	if frame[1]&bitMask != 0 {
		text = unmask(nil, [4]byte(frame[head-4:]), text)
	}
	if frame[0] != bitFIN|opText {
		return "", fmt.Errorf("got a frame that begins with %#x, want a text message", frame[0])
	}
	return string(text), nil
}
