package handover

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// accepted are the connections that a gate accepts.
func accepted(t *testing.T, g *Gate) <-chan net.Conn {
	t.Helper()
	all, ended := make(chan net.Conn), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := g.Accept()
			if err != nil {
				close(all)
				return
			}
			all <- conn
		}
	}()
	t.Cleanup(func() {
		g.Close()
		for conn := range all {
			conn.Close()
		}
		<-ended
	})
	return all
}

func dial(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout(l.Addr().Network(), l.Addr().String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// second is the gate of another process.
func second(t *testing.T, g *Gate) *Gate {
	t.Helper()
	file, err := g.File()
	if err != nil {
		t.Fatal(err)
	}
	other, err := GateOf(file, g.Path())
	if err != nil {
		t.Fatal(err)
	}
	return other
}

func TestWhoComesToAPausedGateIsTakenByTheOtherProcess(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	old, err := NewGate(l, "")
	if err != nil {
		t.Fatal(err)
	}
	heirs := second(t, old)
	old.Pause()
	olds := accepted(t, old) // waits
	for range 5 {
		dial(t, l)
		conn, err := heirs.Accept()
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	heirs.Pause()
	news := accepted(t, heirs)
	old.Resume()
	for range 5 {
		dial(t, l)
		(<-olds).Close()
	}
	heirs.Resume()
	old.Close()
	dial(t, heirs)
	(<-news).Close()
}

func TestAPausedGateCanBeClosed(t *testing.T) {
	g, err := Listen(filepath.Join(t.TempDir(), "upgrade"))
	if err != nil {
		t.Fatal(err)
	}
	g.Pause()
	ended := make(chan error, 1)
	go func() {
		_, err := g.Accept()
		ended <- err
	}()
	g.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want %v", err, net.ErrClosed)
	}
}

func TestTheSocketsFileGoesWithTheLastProcessThatServes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "upgrade")
	is := func(at string, want bool) {
		t.Helper()
		if _, err := os.Lstat(at); (err == nil) != want {
			t.Errorf("%s: got %v, want it to be there: %v", filepath.Base(at), err, want)
		}
	}
	old, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	failed := second(t, old)
	failed.Close()
	is(path, true) // as it has never served

	heir := second(t, old)
	moved := path + ".moved"
	if err := heir.Link(moved); err != nil {
		t.Fatal(err)
	}
	is(path, true)
	heirs := accepted(t, heir)
	old.Pause()
	for _, at := range []string{path, moved} {
		conn, err := net.Dial("unix", at)
		if err != nil {
			t.Fatalf("%s: got %v, want it to be found there", at, err)
		}
		(<-heirs).Close()
		conn.Close()
	}
	old.Keep(true)
	heir.Keep(false)
	heir.Moved(moved)
	old.Close()
	is(moved, true)
	heir.Close()
	is(moved, false)
}

func TestASocketThatIsPassedStaysAsItIsForTheOtherProcess(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g, err := NewGate(l, "")
	if err != nil {
		t.Fatal(err)
	}
	file, err := g.File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	raw, err := g.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = file.Fd() // which must not make the socket block
	raw.Control(func(fd uintptr) {
		if flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
			t.Errorf("got flags %x, %v, want a socket that does not block", flags, err)
		}
	})
	g.Close()
}
