package relay

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestAShardHasWhatCameWhileItDidNotWait(t *testing.T) {
	p, fd := pollerOfEventfd(t)
	for _, wait := range []func() []unix.EpollEvent{p.wait, func() []unix.EpollEvent { return p.park(time.Time{}) }} {
		signalEventfd(fd)
		if got := wait(); len(got) != 1 {
			t.Errorf("got %d events, want 1", len(got))
		}
	}
}

func TestAShardWaitsNoLongerThanItMay(t *testing.T) {
	p, _ := pollerOfEventfd(t)
	if got := p.wait(); len(got) != 0 {
		t.Errorf("got %d events within a slice, want none", len(got))
	}
	for _, long := range []time.Duration{time.Millisecond, -time.Second, 2 * time.Millisecond} {
		until := time.Now().Add(long)
		if p.park(until); time.Now().Before(until) {
			t.Errorf("got an end of the wait %v before its time", time.Until(until))
		}
	}
}

func TestAParkedShardIsWoken(t *testing.T) {
	p, fd := pollerOfEventfd(t)
	go signalEventfd(fd)
	if got := p.park(time.Time{}); len(got) != 1 {
		t.Errorf("got %d events, want 1", len(got))
	}
}

// pollerOfEventfd tells of each write to fd.
func pollerOfEventfd(t *testing.T) (p *poller, fd int) {
	p, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.close() })
	if fd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := p.watchOwn(fd); err != nil {
		t.Fatal(err)
	}
	return p, fd
}
