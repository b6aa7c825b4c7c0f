package relay

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// Whoever is relayed cannot tell whether the relay is handed over on the way, again
// and again.
func TestARelayThatIsHandedOverDoesAllThatOthersDo(t *testing.T) {
	t.Parallel()
	t.Run("TCP", func(t *testing.T) { testSuites(t, legs{newEngine: newWandering}) })
}

// What reaches either side, and what is counted, is what it is without that.
func TestHandingOverChangesNothing(t *testing.T) {
	t.Parallel()
	stays, wanders := legs{newEngine: newBest}, legs{newEngine: newWandering}
	rapid.Check(t, func(rt *rapid.T) {
		up, down := drawScript(rt, masked), drawScript(rt, unmasked)
		if up.bad {
			down = script{}
		}
		got, want := wanders.relay(t, up, down), stays.relay(t, up, down)
		if !reflect.DeepEqual(got, want) {
			rt.Errorf("sent %d and %d bytes: got %d at the node, %d at the client, %+v; want %d, %d, %+v",
				len(join(up.parts...)), len(join(down.parts...)), len(got.node), len(got.client), got.end, len(want.node), len(want.client), want.end)
		}
	})
}

func TestPingsOfARelayThatIsHandedOverChangeNothingElse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) { legs{newEngine: newWandering}.chat(t, rt) })
}

// wandering is an engine of two that hand their relays over to each other, as two
// processes do. Now and then the other one does not take a relay.
type wandering struct {
	Engine // where relays start
	there  Engine
	hops   *count // relays that are handed over now and then
}

func newWandering() Engine {
	w := &wandering{Engine: New(2), there: New(2), hops: newCount()}
	for _, s := range w.there.(*Epoll).shards {
		s.token = w.token()
	}
	return w
}

func (w *wandering) token() token { return w.Engine.(*Epoll).shards[0].token }

func (w *wandering) Start(p Pair) Relay {
	ended := make(chan struct{})
	p.Owner = &followed{Owner: p.Owner, ended: ended}
	r := &wanderer{Relay: w.Engine.Start(p), at: w.Engine, other: w.there, pair: p}
	w.hops.begin()
	go func() {
		defer w.hops.end()
		r.wander(ended)
	}()
	return r
}

func (w *wandering) Totals() Totals {
	sum, more := w.Engine.Totals(), w.there.Totals()
	sum.BytesToNode += more.BytesToNode
	sum.BytesToClient += more.BytesToClient
	sum.MessagesToNode += more.MessagesToNode
	sum.MessagesToClient += more.MessagesToClient
	return sum
}

func (w *wandering) Round(ctx context.Context) error {
	return errors.Join(w.Engine.Round(ctx), w.there.Round(ctx))
}

func (w *wandering) Cut() {
	w.Engine.Cut()
	w.there.Cut()
}

func (w *wandering) Wait() {
	w.hops.wait()
	w.Engine.Wait()
	w.there.Wait()
}

// followed tells when a relay has ended.
type followed struct {
	Owner
	ended chan struct{}
}

func (f *followed) Ended(e End) {
	defer close(f.ended)
	f.Owner.Ended(e)
}

// wanderer is one relay of those.
type wanderer struct {
	mu    sync.Mutex // held through a hand-over
	Relay            // as it is now
	at    Engine
	other Engine
	pair  Pair
}

// wander hands the relay over, at first at once, until it has ended or often enough
// that its deadlines, which are rounded up each time, come in the end.
func (r *wanderer) wander(ended chan struct{}) {
	for hop := range 40 {
		r.hop()
		select {
		case <-ended:
			return
		case <-time.After(time.Duration(rand.IntN(1+hop)) * time.Millisecond):
		}
	}
}

func (r *wanderer) hop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	done := make(chan *Detached, 1)
	r.Relay.Detach(func(d *Detached, _ error) { done <- d })
	d := <-done
	if d == nil {
		return
	}
	if arrived := r.arrive(d); rand.IntN(5) == 0 {
		arrived.Gone()
		d.Resume()
	} else {
		d.Gone()
		arrived.Resume()
		r.Relay, r.at, r.other = arrived.Relay(), r.other, r.at
	}
}

// arrive is that the other engine has it.
func (r *wanderer) arrive(d *Detached) *Detached {
	arrived, err := r.other.Attach(mustCopy(d.Client()), mustCopy(d.Node()), d.State(), r.pair)
	if err != nil {
		panic(err)
	}
	return arrived
}

func mustCopy(fd int) int {
	fd, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		panic(err)
	}
	return fd
}

func (r *wanderer) Close(c Close) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Relay.Close(c)
}

func (r *wanderer) fire(forgive bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Relay.(pinger).fire(forgive)
}
