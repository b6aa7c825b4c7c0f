package relay

import (
	"errors"
	"net"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// acceptAll accepts until the listener is closed, and closes what comes.
func acceptAll(t *testing.T, l net.Listener) (accepted chan net.Addr) {
	t.Helper()
	accepted = make(chan net.Addr, 100)
	go func() {
		defer close(accepted)
		for {
			conn, err := l.Accept()
			if err != nil {
				if !errors.Is(err, net.ErrClosed) {
					t.Errorf("got %v, want an accept that waits", err)
				}
				return
			}
			accepted <- conn.RemoteAddr()
			conn.Close()
		}
	}()
	return accepted
}

// Whoever comes during the pause is not lost, and not served here.
func TestAPausedListenerLeavesClientsToAnotherProcess(t *testing.T) {
	engine := New(1)
	l := listen(t, engine, nil).(Listener)
	accepted := acceptAll(t, l)
	l.Pause()
	l.Pause() // once is enough
	file, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if flags, err := unix.FcntlInt(file.Fd(), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
		t.Errorf("got flags %#x, %v, want a socket that does not block", flags, err)
	}
	inherited, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	other, err := engine.Listener(inherited, Incoming{})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		far := dialTo(t, l)
		conn, err := other.Accept()
		if err != nil || conn.RemoteAddr().String() != far.LocalAddr().String() {
			t.Fatalf("got %v, %v, want the client", conn, err)
		}
		conn.Close()
	}
	if len(accepted) > 0 {
		t.Errorf("accepted %v during the pause", <-accepted)
	}
	other.Close()
	waiting := dialTo(t, l)
	l.Resume()
	if got := within(t, "Accept", accepted); got.String() != waiting.LocalAddr().String() {
		t.Errorf("got %v, want who came during the pause, %v", got, waiting.LocalAddr())
	}
	far := dialTo(t, l)
	if got := within(t, "Accept", accepted); got.String() != far.LocalAddr().String() {
		t.Errorf("got %v, want %v", got, far.LocalAddr())
	}
	l.Close()
	within(t, "the end", accepted)
	engine.Wait()
}

// Whether its Accept waits for the end of the pause, or is about to.
func TestAListenerThatIsClosedInAPauseEndsItsAccept(t *testing.T) {
	engine := New(1)
	for range 100 {
		l := listen(t, engine, nil).(Listener)
		l.Pause()
		far := dialTo(t, l)
		accepted := acceptAll(t, l)
		runtime.Gosched()
		l.Close()
		if got := within(t, "the end", accepted); got != nil {
			t.Errorf("got %v, want nobody", got)
		}
		far.Close()
		l.Resume()
	}
}

func TestClientsComeThroughAThousandPauses(t *testing.T) {
	t.Parallel()
	engine := New(1)
	l := listen(t, engine, nil).(Listener)
	accepted := acceptAll(t, l)
	stop := time.AfterFunc(patience, func() { l.Close() })
	defer stop.Stop()
	for range 1000 {
		l.Pause()
		far := dialTo(t, l)
		if len(accepted) > 0 {
			t.Fatalf("accepted %v during the pause", <-accepted)
		}
		l.Resume()
		if got := within(t, "Accept", accepted); got.String() != far.LocalAddr().String() {
			t.Fatalf("got %v, want %v", got, far.LocalAddr())
		}
		far.Close()
	}
	l.Close()
	engine.Wait()
}
