package devnode

import (
	"encoding/json"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Bus is to nodes what Redis is to Reverb: what one of them sends goes to all
// of them, over TCP, so that they may be processes of their own.
type Bus struct {
	listener net.Listener
	work     sync.WaitGroup

	mu      sync.Mutex
	members map[*busMember]struct{}
	delay   time.Duration
}

// busQueue is how much may wait for a node before the bus drops it.
const busQueue = 4096

type busMember struct {
	conn net.Conn
	out  chan delivery // closed when the member is off the bus
	gone chan struct{} // and so is this
	due  time.Time     // of the last one
}

// delivery is what a member gets, and when at the soonest.
type delivery struct {
	due  time.Time
	text []byte
}

// busEnvelope is what a node gets: how many are on the bus, and the message,
// or none in the greeting. Or it is told that one of its own is in its place among
// all messages.
type busEnvelope struct {
	Members int             `json:"members"`
	Message json.RawMessage `json:"message,omitempty"`
	Taken   bool            `json:"taken,omitempty"`
}

// StartBus listens on the address, such as 127.0.0.1:0, and serves nodes until
// Stop.
func StartBus(address string) (*Bus, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	b := &Bus{listener: listener, members: make(map[*busMember]struct{})}
	b.work.Go(b.accept)
	return b, nil
}

// Addr is what goes into Options.Bus.
func (b *Bus) Addr() string { return b.listener.Addr().String() }

// Stop cuts all nodes off and waits until the bus is gone.
func (b *Bus) Stop() {
	b.listener.Close()
	b.mu.Lock()
	for m := range b.members {
		m.conn.Close()
	}
	b.members = nil
	b.mu.Unlock()
	b.work.Wait()
}

// SetDelay makes the bus slow: what comes from now on takes between half of d
// and d to each node, to some longer than to others, and stays in order. 0 makes
// it quick.
func (b *Bus) SetDelay(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.delay = d
}

func (b *Bus) accept() {
	for {
		raw, err := b.listener.Accept()
		if err != nil {
			return
		}
		m := &busMember{conn: raw, out: make(chan delivery, busQueue), gone: make(chan struct{})}
		if !b.add(m) {
			raw.Close()
			return
		}
		b.work.Go(m.write)
		b.work.Go(func() { b.read(m) })
	}
}

// add greets the member, which tells it that nothing is missed from here on.
func (b *Bus) add(m *busMember) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.members == nil {
		return false
	}
	b.members[m] = struct{}{}
	greeting, _ := json.Marshal(busEnvelope{Members: len(b.members)})
	m.out <- delivery{text: greeting}
	return true
}

func (b *Bus) read(m *busMember) {
	defer b.remove(m)
	for decoder := json.NewDecoder(m.conn); ; {
		var raw json.RawMessage
		if decoder.Decode(&raw) != nil {
			return
		}
		b.spread(raw)
		taken, _ := json.Marshal(busEnvelope{Taken: true})
		m.conn.Write(taken) // beside what waits for the member; an error is for the next read
	}
}

func (b *Bus) remove(m *busMember) {
	m.conn.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.members, m)
	close(m.out)
	close(m.gone)
}

func (b *Bus) spread(raw json.RawMessage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	out, _ := json.Marshal(busEnvelope{Members: len(b.members), Message: raw})
	for m := range b.members {
		select {
		case m.out <- delivery{m.next(b.delay), out}:
		default: // it does not read; what it missed is lost to it anyway
			m.conn.Close()
		}
	}
}

// next is when the next delivery is due, after the last one.
func (m *busMember) next(delay time.Duration) time.Time {
	if delay > 0 {
		delay = delay/2 + rand.N(delay/2+1)
	}
	if due := time.Now().Add(delay); due.After(m.due) {
		m.due = due
	}
	return m.due
}

func (m *busMember) write() {
	for d := range m.out {
		pause(time.Until(d.due), m.gone)
		if _, err := m.conn.Write(d.text); err != nil {
			m.conn.Close()
		}
	}
}
