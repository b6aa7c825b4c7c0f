package relay

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestAPollerThatHasNothingToDoGivesItsProcessorAwayAfterAWhile(t *testing.T) {
	p, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := p.watch(unix.EPOLL_CTL_ADD, int32(fd), unix.EPOLLIN|unix.EPOLLET, wakeupHandle); err != nil {
		t.Fatal(err)
	}
	signalEventfd(fd)
	if got := p.wait(time.Time{}); len(got) != 1 || p.keep != busy {
		t.Errorf("got %d events, and the processor for %d signals more, want 1 and %d", len(got), p.keep, busy)
	}
	for left := busy - 1; left >= 0; left-- { // each is ended by a signal of the scheduler
		if got := p.wait(time.Time{}); len(got) != 0 || p.keep != left {
			t.Errorf("got %d events, and the processor for %d signals more, want 0 and %d", len(got), p.keep, left)
		}
	}
	if got := p.wait(time.Now()); len(got) != 0 || p.keep != 0 {
		t.Errorf("got %d events, and the processor for %d signals more, want none", len(got), p.keep)
	}
}
