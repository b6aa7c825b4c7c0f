package relay

import (
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// An upheaval is a relay that is held, resumed, moved, handed over and closed in any order
// while both sides send, end, or send nonsense. What arrives are whole frames,
// everybody is told once, and nothing is left behind.
func TestNoOrderOfMovesAndEndsLeavesAnythingBehind(t *testing.T) {
	t.Parallel()
	relays := 100
	if testing.Short() {
		relays = 20
	}
	for name, l := range layouts(t, newBest) {
		t.Run(name, func(t *testing.T) { upheavals(t, l, l.fewer(relays), 20) })
	}
}

func upheavals(t *testing.T, l legs, relays, atOnce int) {
	if !alone(t) {
		return
	}
	engine := l.newEngine()
	before := openFiles()
	turns := make(chan uint64)
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			for seed := range turns {
				newUpheaval(t, l, engine, seed).run()
			}
		})
	}
	for seed := range uint64(relays) {
		turns <- seed
	}
	close(turns)
	all.Wait()
	engine.Wait()
	if after := openFiles(); after > before {
		t.Errorf("got %d open files, want %d", after, before)
	}
}

type upheaval struct {
	t      *testing.T
	legs   legs
	engine Engine
	seed   uint64
	random *rand.Rand
	pair   Pair
	relay  Relay
	tap    recorder
	far    sync.WaitGroup
	client net.Conn
	nodes  []net.Conn
	ended  chan End
	told   []*atomic.Int32 // Done and Aborted
	movers []*atomic.Int32
}

func newUpheaval(t *testing.T, l legs, engine Engine, seed uint64) *upheaval {
	u := &upheaval{t: t, legs: l, engine: engine, seed: seed, random: rand.New(rand.NewPCG(seed, 0)), ended: make(chan End, 2)}
	var client net.Conn
	u.client, client = l.clientLeg(t)
	node, near := l.nodeLeg(t)
	farewell := Close{Code: 4200, By: ByNodeLost, Await: u.random.IntN(2) == 0}
	if u.random.IntN(3) > 0 {
		farewell.After = 100 * time.Millisecond
	}
	u.pair = Pair{
		Client: client, Node: near,
		Options: Options{Stall: patience, Close: patience},
		Owner:   tapped{&owner{ended: u.ended, lost: func() Close { return farewell }}, &u.tap},
	}
	u.relay = engine.Start(u.pair)
	u.plays(u.client, masked)
	u.plays(node, unmasked)
	u.nodes = append(u.nodes, node)
	return u
}

func (u *upheaval) run() {
	for range 5 + u.random.IntN(20) {
		for range u.random.IntN(200) {
			runtime.Gosched()
		}
		u.act()
	}
	u.relay.Close(drainedClose)
	for _, conn := range append(u.nodes, u.client) {
		conn.Close()
	}
	select {
	case end := <-u.ended:
		if end.By == ByInternalError {
			u.t.Errorf("%d: got end %+v", u.seed, end)
		}
	case <-time.After(patience):
		u.t.Errorf("%d: the relay has not ended", u.seed)
		return
	}
	u.act() // does nothing any more, but tells
	u.far.Wait()
	u.nodes[len(u.nodes)-1].Close()
	for _, told := range u.told {
		waitUntil(u.t, func() bool { return told.Load() > 0 })
	}
	for _, told := range append(u.told, u.movers...) {
		if n := told.Load(); n > 1 {
			u.t.Errorf("%d: was told %d times, want once", u.seed, n)
		}
	}
}

// act does one of what the owner of a relay can do.
func (u *upheaval) act() {
	switch u.random.IntN(7) {
	case 0, 1:
		m := &restless{random: rand.New(rand.NewPCG(u.seed, 1)), aborted: new(atomic.Int32)}
		u.movers = append(u.movers, m.aborted)
		u.relay.Hold(m, u.random.IntN(100_000))
	case 2:
		u.relay.Resume(texts("undo")[:u.random.IntN(2)])
	case 3, 4:
		u.replace()
	case 5:
		if u.random.IntN(8) == 0 {
			u.relay.Close(drainedClose)
		}
	case 6:
		u.handOver()
	}
}

// handOver hands the relay over, or nearly, while others go on to want something of it.
func (u *upheaval) handOver() {
	done := make(chan *Detached, 1)
	u.relay.Detach(func(d *Detached, _ error) { done <- d })
	d := within(u.t, "Detach", done)
	if d == nil {
		return
	}
	for range u.random.IntN(3) {
		u.act()
	}
	arrived, err := u.engine.Attach(copyOf(u.t, d.Client()), copyOf(u.t, d.Node()), d.State(), u.pair)
	if err != nil {
		u.t.Errorf("%d: got %v for %s", u.seed, err, d.State())
		d.Resume()
		return
	}
	if u.random.IntN(3) == 0 {
		arrived.Gone()
		d.Resume()
		return
	}
	d.Gone()
	u.relay = arrived.Relay()
	u.act()
	arrived.Resume()
}

func (u *upheaval) replace() {
	far, near := u.legs.anotherNode(u.t, u.engine)
	done := new(atomic.Int32)
	u.told = append(u.told, done)
	u.nodes = append(u.nodes, far)
	switch u.random.IntN(8) {
	case 0:
		far.Close()
	case 1:
		near.Close()
	}
	u.plays(far, unmasked)
	rest := text(unmasked, "rest")
	u.relay.Replace(Replacement{Node: near, ToClient: texts("a"), ToNode: texts("b", "c"), Rest: rest, Done: func(error) { done.Add(1) }})
}

// plays has a far end send and receive, until it has had enough or the other end has.
func (u *upheaval) plays(conn net.Conn, mask bool) {
	_ = conn.SetDeadline(time.Now().Add(patience))
	random := rand.New(rand.NewPCG(u.seed, uint64(len(u.nodes))))
	u.far.Go(func() {
		incoming := newFollower(!mask, 0)
		for b := make([]byte, 64<<10); ; {
			n, err := conn.Read(b)
			if _, _, bad := incoming.follow(b[:n]); bad != nil {
				u.t.Errorf("%d: got a malformed frame: %v", u.seed, bad)
				conn.Close()
				return
			}
			if err != nil {
				return
			}
		}
	})
	u.far.Go(func() {
		for range random.IntN(100) {
			sendInParts(random, conn, u.frame(random, mask))
		}
		switch random.IntN(6) {
		case 0:
			_, _ = conn.Write([]byte{0x8f, 0x80, 0, 0, 0, 0})
		case 1:
			_, _ = conn.Write(closeFrame(mask, 1000, ""))
		case 2:
			_ = conn.Close()
		case 3:
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = conn.Close()
		}
	})
}

func (u *upheaval) frame(random *rand.Rand, mask bool) []byte {
	switch random.IntN(20) {
	case 0:
		return binaryOf(mask, random.IntN(200_000))
	case 1:
		return text(mask, string(make([]byte, random.IntN(100_000))))
	case 2:
		return join(appendFrame(nil, opText, mask, []byte("frag")), appendFrame(nil, bitFIN|opContinuation, mask, []byte("ments")))
	case 3:
		return text(mask, marker)
	}
	return text(mask, "a usual message")
}

// restless is a Mover that hides and ends at random.
type restless struct {
	random  *rand.Rand
	aborted *atomic.Int32
}

func (m *restless) Begin() [][]byte { return texts("x", "y")[:m.random.IntN(3)] }
func (m *restless) FromNode(text []byte) (pass, last bool) {
	return m.random.IntN(4) > 0, string(text) == marker
}
func (m *restless) Aborted(error) { m.aborted.Add(1) }
