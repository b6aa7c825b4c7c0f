package systemd_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"fermata/internal/systemd"
)

// manage makes this test the service manager of its own process.
func manage(t *testing.T) *net.UnixConn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return conn
}

func fromEnvironment(t *testing.T) *systemd.Manager {
	t.Helper()
	m, err := systemd.FromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestEachMessageIsAsTheServiceManagerReadsIt(t *testing.T) {
	manager := manage(t)
	m := fromEnvironment(t)
	check := func(err error, want string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 1000)
		manager.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := manager.Read(got)
		if err != nil || !regexp.MustCompile("^(?:"+want+")$").Match(got[:n]) {
			t.Errorf("got %q, %v, want %q", got[:n], err, want)
		}
	}
	check(m.Ready("2 of 2 nodes usable"), "READY=1\nSTATUS=2 of 2 nodes usable")
	check(m.Reloading(), "RELOADING=1\nMONOTONIC_USEC=[0-9]+\nSTATUS=reloading")
	check(m.Status("fine"), "STATUS=fine")
	check(m.Works(), "WATCHDOG=1")
	check(m.Stopping("stopping"), "STOPPING=1\nSTATUS=stopping")
}

func TestWithoutAServiceManagerNothingIsTold(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	m := fromEnvironment(t)
	if m != nil || m.Watchdog() != 0 {
		t.Fatalf("got %v, want none", m)
	}
	if err := errors.Join(m.Ready(""), m.Reloading(), m.Status(""), m.Works(), m.Stopping("")); err == nil {
		return
	}
	t.Error("got an error, want none")
}

func TestAServiceManagerThatReadsNothingHoldsUpNobody(t *testing.T) {
	manage(t)
	m := fromEnvironment(t)
	for range 10_000 { // far beyond net.unix.max_dgram_qlen
		if err := m.Status("fine"); err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("got %v, want a timeout", err)
			}
			return
		}
	}
	t.Error("got all messages taken, want an error")
}

func TestAServiceManagerThatIsGoneIsAnError(t *testing.T) {
	manage(t).Close()
	if err := fromEnvironment(t).Works(); !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want nobody there", err)
	}
}

func TestTheWatchdogIsForTheProcessThatItNames(t *testing.T) {
	manage(t)
	check := func(usec, pid string, want time.Duration) {
		t.Helper()
		t.Setenv("WATCHDOG_USEC", usec)
		t.Setenv("WATCHDOG_PID", pid)
		if got := fromEnvironment(t).Watchdog(); got != want {
			t.Errorf("%s for %q: got %v, want %v", usec, pid, got, want)
		}
	}
	check("", "", 0)
	check("30000000", "", 30*time.Second)
	check("30000000", "1", 0)
	t.Setenv("WATCHDOG_USEC", "soon")
	if _, err := systemd.FromEnvironment(); err == nil {
		t.Error("got no error for WATCHDOG_USEC=soon, want one")
	}
}
