package relay

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// detach detaches the relay, which must be at rest.
func (r *rig) detach() *Detached {
	r.t.Helper()
	d, err := r.tryDetach()
	if err != nil {
		r.t.Fatalf("got %v, want a detached relay", err)
	}
	return d
}

func (r *rig) tryDetach() (d *Detached, err error) {
	r.t.Helper()
	done := make(chan struct{}, 2)
	r.conn.Detach(func(got *Detached, why error) {
		d, err = got, why
		done <- struct{}{}
	})
	within(r.t, "Detach", done)
	if (d == nil) == (err == nil) {
		r.t.Fatalf("got %v and %v, want one of them", d, err)
	}
	return d, err
}

// attach is what another process does with it; its options are the pair's.
func (r *rig) attach(to Engine, d *Detached) *Detached {
	r.t.Helper()
	arrived, err := to.Attach(copyOf(r.t, d.Client()), copyOf(r.t, d.Node()), d.State(), r.pair)
	if err != nil {
		r.t.Fatalf("got %v for %s, want that it is taken", err, d.State())
	}
	return arrived
}

// copyOf is what another process gets of a descriptor.
func copyOf(t testing.TB, fd int) int {
	t.Helper()
	fd, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// handOver moves the relay to another engine, as to another process.
func (r *rig) handOver() { r.t.Helper(); r.handOverTo(r.legs.newEngine()) }

func (r *rig) handOverTo(to Engine) {
	r.t.Helper()
	d := r.detach()
	arrived := r.attach(to, d)
	d.Gone()
	r.engine.Wait() // has nothing more
	arrived.Resume()
	r.engine, r.conn = to, arrived.Relay()
}

// look looks at the relay on its shard's goroutine.
func look[T any](r *rig, f func(*epollRelay) T) T {
	r.t.Helper()
	c := r.conn.(*epollRelay)
	got := make(chan T, 1)
	if err := c.shard.surely(func() { got <- f(c) }); err != nil {
		r.t.Fatal(err)
	}
	return within(r.t, "a look", got)
}

func TestAClientThatIsHandedOverNoticesNothing(t *testing.T) {
	r := legs{newEngine: newBest}.start(t, nil)
	up, down := text(masked, "up"), text(unmasked, "down")
	for range 3 {
		r.clientSends(up)
		r.nodeGets(up)
		r.handOver()
		r.nodeSends(down)
		r.clientGets(down)
	}
	r.conn.Close(drainedClose)
	r.clientAnswers(drainedClose.Code, drainedClose.Reason)
	r.nodeGets(closeFrame(masked, drainedClose.Code, ""))
	r.node.Close()
	end := r.wantCleanEnd(drainedClose.By, drainedClose.Code)
	if end.MessagesToNode != 3 || end.MessagesToClient != 3 {
		t.Errorf("got %+v, want 3 messages each way", end)
	}
}

func TestAClientWhoseNextProcessIsGoneGoesOn(t *testing.T) {
	r := legs{newEngine: newBest}.start(t, nil)
	up := text(masked, "up")
	d := r.detach()
	r.clientSends(up)
	d.Resume()
	d.Gone() // does nothing any more
	r.nodeGets(up)
	r.node.Close()
	r.clientAnswers(lostClose.Code, lostClose.Reason)
	r.wantCleanEnd(ByNodeLost, lostClose.Code)
}

func TestAClientWithTLSStays(t *testing.T) {
	for name, l := range layouts(t, newBest) {
		if l.tls == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			r := l.start(t, nil)
			if _, err := r.tryDetach(); !errors.Is(err, ErrStays) {
				t.Errorf("got %v, want ErrStays", err)
			}
			r.clientSends(text(masked, "up"))
			r.nodeGets(text(masked, "up"))
			r.node.Close()
			r.clientAnswers(lostClose.Code, lostClose.Reason)
			r.wantCleanEnd(ByNodeLost, lostClose.Code)
		})
	}
}

// Whoever is not at rest is not handed over, and does not notice that it was asked for.
func TestAClientThatIsNotAtRestStaysForNow(t *testing.T) {
	l := legs{newEngine: newBest}
	stays := func(r *rig) {
		r.t.Helper()
		if _, err := r.tryDetach(); err == nil || errors.Is(err, ErrStays) {
			r.t.Errorf("got %v, want that it stays for now", err)
		}
	}
	t.Run("Closing", func(t *testing.T) {
		r := l.start(t, nil)
		r.conn.Close(drainedClose)
		stays(r)
		r.clientAnswers(drainedClose.Code, drainedClose.Reason)
		stays(r)
		r.node.Close()
		r.wantCleanEnd(drainedClose.By, drainedClose.Code)
		stays(r)
	})
	t.Run("Held without a node", func(t *testing.T) {
		r := l.start(t, func(p *Pair) {
			loses(p, func() Close { return Close{Code: 4200, By: ByNodeLost, After: time.Hour} })
		})
		r.node.Close()
		waitUntil(t, func() bool { return look(r, func(c *epollRelay) bool { return c.heldBy != 0 }) })
		stays(r)
		r.clientSends(closeFrame(masked, 1000, ""))
		r.clientGets(AppendClose(nil, 1000, ""))
		r.wantCleanEnd(ByClient, 1000)
	})
	t.Run("Moving", func(t *testing.T) {
		r := l.start(t, nil)
		m := r.hold("ask")
		stays(r)
		r.nodeGets(AppendToNode(nil, opText, []byte("ask")))
		r.conn.Resume(texts("undo"))
		stays(r) // it still hides what it has asked for
		r.nodeGets(AppendToNode(nil, opText, []byte("undo")))
		r.nodeSends(text(unmasked, secret), text(unmasked, marker), text(unmasked, "later"))
		m.hears(secret, marker)
		r.clientGets(text(unmasked, "later"))
		r.handOver()
		r.node.Close()
		r.clientAnswers(lostClose.Code, lostClose.Reason)
		r.wantCleanEnd(ByNodeLost, lostClose.Code)
	})
	t.Run("Detached", func(t *testing.T) {
		r := l.start(t, nil)
		d := r.detach()
		stays(r)
		d.Resume()
		r.handOver()
	})
}

func TestACloseWhileAClientIsHandedOverWaits(t *testing.T) {
	l := legs{newEngine: newBest}
	ends := func(r *rig) {
		r.t.Helper()
		r.clientAnswers(drainedClose.Code, drainedClose.Reason)
		r.node.Close()
		r.wantCleanEnd(drainedClose.By, drainedClose.Code)
	}
	t.Run("Here", func(t *testing.T) {
		r := l.start(t, nil)
		d := r.detach()
		r.conn.Close(drainedClose)
		r.conn.Close(Close{Code: 4000}) // comes second
		d.Resume()
		ends(r)
	})
	t.Run("There", func(t *testing.T) {
		r := l.start(t, nil)
		d, to := r.detach(), newBest()
		arrived := r.attach(to, d)
		arrived.Relay().Close(drainedClose)
		d.Gone()
		arrived.Resume()
		r.engine = to
		ends(r)
	})
	t.Run("AfterItHasGone", func(t *testing.T) {
		r := l.start(t, nil)
		d, to := r.detach(), newBest()
		arrived := r.attach(to, d)
		d.Gone()
		r.conn.Close(drainedClose)
		arrived.Resume()
		r.clientSends(text(masked, "goes on"))
		r.nodeGets(text(masked, "goes on"))
		r.engine = to
	})
}

// The descriptors may be on their way to another process just now, so that they must not
// come to name something else.
func TestACutWhileAClientIsHandedOverWaits(t *testing.T) {
	l := legs{newEngine: newBest}
	t.Run("Resume", func(t *testing.T) {
		r := l.start(t, nil)
		d := r.detach()
		r.engine.Cut()
		look(r, func(*epollRelay) error { return nil })
		if err := checkSocket(d.Client()); err != nil {
			t.Errorf("got %v, want a descriptor that is open until Resume", err)
		}
		d.Resume()
		r.clientIsOver()
		r.wantEnd(ByShutdown, 0)
	})
	t.Run("Gone", func(t *testing.T) {
		r := l.start(t, nil)
		d := r.detach()
		r.engine.Cut()
		d.Gone()
		d.Gone()
		d.Resume()
		r.engine.Wait()
		if len(r.ended) > 0 {
			t.Errorf("got %+v, want that nobody is told of an end", <-r.ended)
		}
	})
}

func TestAClientThatIsHandedOverIsNotMoved(t *testing.T) {
	l := legs{newEngine: newBest}
	for name, change := range map[string]func(r *rig, d, arrived *Detached){
		"Detached": func(*rig, *Detached, *Detached) {},
		"Arrived":  func(r *rig, _, arrived *Detached) { r.conn = arrived.Relay() },
		"Gone":     func(_ *rig, d, _ *Detached) { d.Gone() },
	} {
		t.Run(name, func(t *testing.T) {
			r := l.start(t, nil)
			d := r.detach()
			arrived := r.attach(r.engine, d)
			change(r, d, arrived)
			m := newTrip(t)
			r.conn.Hold(m, 0)
			m.wantAborted()
			r.conn.Resume(texts("undo"))
			if _, err := r.replace(nil); err == nil {
				t.Error("got a new node, want none")
			}
			d.Gone()
			arrived.Gone()
		})
	}
}

// A closed descriptor that another process still has stays in what polls it.
func TestWhatIsHandedOverIsNotPolledAnyMore(t *testing.T) {
	r := legs{newEngine: newBest}.start(t, nil)
	d := r.detach()
	for name, fd := range map[string]int{"client": d.Client(), "node": d.Node()} {
		poller := look(r, func(c *epollRelay) *poller { return c.shard.poller })
		if err := poller.watch(unix.EPOLL_CTL_DEL, int32(fd), 0, handle{}); !errors.Is(err, unix.ENOENT) {
			t.Errorf("%s: got %v, want that it is not there", name, err)
		}
	}
	d.Resume()
}

func TestAPanicOfWhoTakesARelayEndsItAlone(t *testing.T) {
	l := legs{newEngine: newBest}
	panicked := make(chan *PanicError, 1)
	r := l.start(t, func(p *Pair) { p.Owner.(*owner).panicked = panicked })
	shared := legs{newEngine: func() Engine { return r.engine }}
	neighbour := shared.start(t, nil)
	var d *Detached
	r.conn.Detach(func(got *Detached, _ error) {
		d = got
		panic("no idea")
	})
	r.clientIsOver()
	within(t, "Panicked", panicked)
	if end := within(t, "Ended", r.ended); end.By != ByInternalError {
		t.Errorf("got %+v, want an internal error", end)
	}
	d.Resume()
	d.Gone()
	neighbour.clientSends(text(masked, "x"))
	neighbour.nodeGets(text(masked, "x"))
}

func TestThousandsOfHandOversLeaveNoFileBehind(t *testing.T) {
	t.Parallel()
	if !alone(t) {
		return
	}
	here, there := newBest(), newBest()
	l := legs{newEngine: func() Engine { return here }}
	before := openFiles()
	relays, rounds := 100, 20
	if testing.Short() {
		rounds = 3
	}
	var all []*rig
	for range relays {
		all = append(all, l.start(t, nil))
	}
	for range rounds {
		for i, r := range all {
			d := r.detach()
			arrived := r.attach(there, d)
			if i%3 == 0 {
				arrived.Gone()
				d.Resume()
				continue
			}
			d.Gone()
			arrived.Resume()
			r.conn = arrived.Relay()
			back := r.detach()
			again := r.attach(here, back)
			back.Gone()
			again.Resume()
			r.conn = again.Relay()
		}
	}
	for _, r := range all {
		r.client.Close()
		r.node.Close()
	}
	here.Wait()
	there.Wait()
	if after := openFiles(); after != before {
		t.Errorf("got %d open files, want %d as before", after, before)
	}
}
