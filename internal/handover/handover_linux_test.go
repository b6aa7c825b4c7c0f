package handover

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is far more than anything here takes.
const patience = 20 * time.Second

// pair are two ends of a connection.
func pair(t testing.TB) (one, other *Conn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var conns [2]*Conn
	for i, fd := range fds {
		file := os.NewFile(uintptr(fd), "pair")
		conn, err := net.FileConn(file)
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		conns[i] = &Conn{unix: conn.(*net.UnixConn)}
		t.Cleanup(func() { conn.Close() })
	}
	return conns[0], conns[1]
}

// openFiles is how many descriptors this process has.
func openFiles(t testing.TB) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func receive(t testing.TB, c *Conn) Message {
	t.Helper()
	m, err := c.Receive(time.Now().Add(patience))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAMessageComesWithItsDescriptors(t *testing.T) {
	one, other := pair(t)
	before := openFiles(t)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		if err := one.Send(KindGo, Go{Number: n}); err != nil {
			t.Fatal(err)
		}
	}
	many := make([]int, MostFiles)
	for i := range many {
		many[i] = int(write.Fd())
	}
	go one.Send(KindClients, Batch{Number: 7, States: nil}, many...)
	for n := range 3 {
		var g Go
		if m := receive(t, other); m.Into(&g) != nil || g.Number != n || len(m.Files) > 0 {
			t.Errorf("got %+v, want number %d without descriptors", m, n)
		}
	}
	m := receive(t, other)
	if len(m.Files) != MostFiles {
		t.Fatalf("got %d descriptors, want %d", len(m.Files), MostFiles)
	}
	if flags, err := unix.FcntlInt(uintptr(m.Files[0]), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("got flags %x, %v, want a descriptor that a child does not get", flags, err)
	}
	if _, err := unix.Write(m.Files[MostFiles-1], []byte("x")); err != nil {
		t.Errorf("got %v, want the descriptor of a pipe", err)
	}
	m.Close()
	read.Close()
	write.Close()
	if now := openFiles(t); now != before {
		t.Errorf("got %d open files, want %d", now, before)
	}
}

func TestTooManyDescriptorsAreRefusedBeforeTheyAreSent(t *testing.T) {
	one, other := pair(t)
	if err := one.Send(KindClients, nil, make([]int, MostFiles+1)...); err == nil {
		t.Error("got no error, want one for a message that the kernel does not take")
	}
	if err := one.Send(KindGo, nil); err != nil || receive(t, other).Kind != KindGo {
		t.Errorf("got %v, want the connection to go on", err)
	}
}

// hostile writes bytes, and a descriptor with the first of them, and ends.
func hostile(t testing.TB, c *Conn, text []byte, files ...int) {
	t.Helper()
	var rights []byte
	if len(files) > 0 {
		rights = unix.UnixRights(files...)
	}
	if _, _, err := c.unix.WriteMsgUnix(text, rights, nil); err != nil {
		t.Fatal(err)
	}
	c.unix.CloseWrite()
}

func framed(length uint32, text string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, length), text...)
}

func TestAMessageThatMakesNoSenseIsAnErrorAndLeavesNothingOpen(t *testing.T) {
	for name, text := range map[string][]byte{
		"no length":         {0, 0},
		"too long":          framed(mostBytes+1, "{}"),
		"cut off":           framed(100, `{"kind":`),
		"no text":           framed(5, ""),
		"not JSON":          framed(3, "{{{"),
		"another type":      framed(4, `[12]`),
		"kind is no string": framed(10, `{"kind":1}`),
		"empty":             framed(0, ""),
	} {
		t.Run(name, func(t *testing.T) {
			one, other := pair(t)
			null, err := os.Open(os.DevNull)
			if err != nil {
				t.Fatal(err)
			}
			defer null.Close()
			before := openFiles(t)
			hostile(t, one, text, int(null.Fd()), int(null.Fd()))
			if m, err := other.Receive(time.Now().Add(patience)); err == nil {
				t.Errorf("got %+v, want an error", m)
			}
			if now := openFiles(t); now != before {
				t.Errorf("got %d open files, want %d", now, before)
			}
		})
	}
}

func TestAMessageWithoutABodyCannotBeRead(t *testing.T) {
	if err := (Message{Kind: KindGo}).Into(new(Go)); err == nil || !strings.Contains(err.Error(), KindGo) {
		t.Errorf("got %v, want an error that names the message", err)
	}
}

func TestTheEndOfTheOtherOneIsToldFromAnInterruption(t *testing.T) {
	one, other := pair(t)
	if err := other.Send(KindReport, nil); err != nil { // which is never read
		t.Fatal(err)
	}
	if err := one.Send(KindGo, nil); err != nil {
		t.Fatal(err)
	}
	one.Close()
	receive(t, other)
	if _, err := other.Receive(time.Now().Add(patience)); !other.HasDied(err) {
		t.Errorf("got %v, want it to be the end of the other one, although it has left something unread", err)
	}

	one, other = pair(t)
	if err := one.Send(KindGo, nil); err != nil {
		t.Fatal(err)
	}
	other.Interrupt()
	if err := one.Send(KindGo, nil); !errors.Is(err, unix.EPIPE) {
		t.Errorf("got %v, want nothing to be sent to one that takes nothing", err)
	}
	receive(t, other) // what came before counts
	if _, err := other.Receive(time.Now().Add(patience)); !errors.Is(err, io.EOF) || other.HasDied(err) {
		t.Errorf("got %v, want the end of what is received, which is nobody's death", err)
	}
}

func TestOneThatTakesNothingHoldsUpNoStop(t *testing.T) {
	one, _ := pair(t)
	sent := make(chan error, 1)
	go func() {
		for {
			if err := one.Send(KindReport, strings.Repeat("x", 1<<16)); err != nil {
				sent <- err
				return
			}
		}
	}()
	one.EndWithin(10 * time.Millisecond)
	if err := <-sent; !IsTimeout(err) {
		t.Errorf("got %v, want it to have taken too long", err)
	}
	if err := one.Send(KindStop, nil); !IsTimeout(err) {
		t.Errorf("got %v, want nothing to be sent any more", err)
	}
}

func TestAwaitSaysWhetherThereIsSomethingToReceive(t *testing.T) {
	one, other := pair(t)
	if other.Await(10 * time.Millisecond) {
		t.Error("got something, want nothing: nobody has said anything")
	}
	if err := one.Send(KindDecided, nil); err != nil {
		t.Fatal(err)
	}
	if !other.Await(patience) || receive(t, other).Kind != KindDecided {
		t.Error("got nothing, want the message, and that it can be received still")
	}
	one.Close()
	if !other.Await(patience) {
		t.Error("got nothing, want the end")
	}
}

func TestALockIsHadByOne(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "upgrade")
	lock, err := TakeLock(socket)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := TakeLock(socket); !errors.Is(err, ErrHeld) {
		t.Errorf("got %v, %v, want %v", again, err, ErrHeld)
	}
	lock.Release()
	if lock, err = TakeLock(socket); err != nil {
		t.Errorf("got %v, want the lock that was given back", err)
	}
	lock.Release()
	(*Lock)(nil).Release()
}

func TestNobodyIsFoundWhereNobodyServes(t *testing.T) {
	dir := t.TempDir()
	if _, err := Dial(filepath.Join(dir, "nothing")); !errors.Is(err, ErrNobody) {
		t.Errorf("got %v, want %v", err, ErrNobody)
	}
	dead, err := Listen(filepath.Join(dir, "dead"))
	if err != nil {
		t.Fatal(err)
	}
	dead.Keep(true)
	dead.Close()
	if _, err := Dial(filepath.Join(dir, "dead")); !errors.Is(err, ErrNobody) {
		t.Errorf("got %v, want %v", err, ErrNobody)
	}
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte{0, 0, 0, 2, '{', '}'}, true)
	f.Add(framed(24, `{"kind":"go","body":null}`), false)
	f.Add(framed(0xffffffff, "x"), true)
	f.Fuzz(func(t *testing.T, text []byte, withFile bool) {
		if len(text) == 0 || len(text) > 1<<16 {
			return // the kernel sends no descriptors without a byte
		}
		one, other := pair(t)
		before := openFiles(t)
		var files []int
		if withFile {
			files = []int{0}
		}
		hostile(t, one, text, files...)
		for {
			m, err := other.Receive(time.Now().Add(patience))
			m.Close()
			if err != nil {
				break
			}
		}
		if now := openFiles(t); now != before {
			t.Errorf("got %d open files, want %d", now, before)
		}
	})
}
