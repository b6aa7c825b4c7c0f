package relay

import (
	"errors"
	"testing"

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
func (r *rig) handOver() {
	r.t.Helper()
	r.engine, r.conn = r.handOverTo(r.legs.newEngine())
}

func (r *rig) handOverTo(to Engine) (Engine, Relay) {
	r.t.Helper()
	d := r.detach()
	arrived := r.attach(to, d)
	d.Gone()
	r.engine.Wait() // has nothing more
	arrived.Resume()
	return to, arrived.Relay()
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
