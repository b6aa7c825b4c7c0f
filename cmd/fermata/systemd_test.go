package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"fermata/internal/app/apptest"
)

// supervisor is what a service manager gives a process and hears of it.
type supervisor struct {
	t        *testing.T
	messages *net.UnixConn
	watchdog time.Duration // 0: none
	sockets  []net.Listener
	names    []string // of the sockets
}

func newSupervisor(t *testing.T) *supervisor {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &supervisor{t: t, messages: conn}
}

// open opens a socket for the process.
func (s *supervisor) open(network, address, name string) net.Listener {
	s.t.Helper()
	var config net.ListenConfig
	config.SetMultipathTCP(false) // as a service manager's are
	l, err := config.Listen(s.t.Context(), network, address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { l.Close() })
	s.sockets, s.names = append(s.sockets, l), append(s.names, name)
	return l
}

// start starts Fermata. A shell sets the environment, which names the process.
func (s *supervisor) start(stack *apptest.Stack) *apart {
	s.t.Helper()
	return startApartAs(s.t, func(c *exec.Cmd) {
		script := `export LISTEN_PID=$$ WATCHDOG_PID=$$; exec "$0" "$@"`
		c.Args = append([]string{"sh", "-c", script}, c.Args...)
		c.Path = "/bin/sh"
		c.Env = append(c.Env, "NOTIFY_SOCKET="+s.messages.LocalAddr().String(), fmt.Sprintf("LISTEN_FDS=%d", len(s.sockets)), "LISTEN_FDNAMES="+strings.Join(s.names, ":"))
		if s.watchdog > 0 {
			c.Env = append(c.Env, fmt.Sprintf("WATCHDOG_USEC=%d", s.watchdog.Microseconds()))
		}
		for _, l := range s.sockets {
			file, err := l.(interface{ File() (*os.File, error) }).File()
			if err != nil {
				s.t.Fatal(err)
			}
			s.t.Cleanup(func() { file.Close() })
			c.ExtraFiles = append(c.ExtraFiles, file)
		}
	}, "serve", "-c", stack.File)
}

// hears waits for a message with all of that.
func (s *supervisor) hears(parts ...string) {
	s.t.Helper()
	var all []string
	for deadline := time.Now().Add(apptest.Timeout); ; {
		message, err := s.next(deadline)
		if all = append(all, message); err != nil {
			s.t.Fatalf("got %q, %v, want %q", all, err, parts)
		}
		missing := 0
		for _, part := range parts {
			if !strings.Contains("\n"+message+"\n", "\n"+part) {
				missing++
			}
		}
		if missing == 0 {
			return
		}
	}
}

func (s *supervisor) next(deadline time.Time) (string, error) {
	b := make([]byte, 4096)
	s.messages.SetReadDeadline(deadline)
	n, err := s.messages.Read(b)
	return string(b[:n]), err
}

func TestAServiceManagerIsToldOfTheStartAReloadAndTheStop(t *testing.T) {
	t.Parallel()
	_, urls := apptest.StartNodes(t, 2)
	s := apptest.Configured(t, urls, "timeouts: {close: 1s}\n")
	manager := newSupervisor(t)
	p := manager.start(s)
	manager.hears("READY=1\n", "STATUS=2 of 2 nodes usable, 0 clients\n")
	s.Address = p.until(`"listening","address":"([^"]+)"`)[1]
	c := s.Dial()
	manager.hears("STATUS=2 of 2 nodes usable, 1 clients\n")
	p.signal(syscall.SIGHUP)
	manager.hears("RELOADING=1\n", "MONOTONIC_USEC=", "STATUS=reloading\n")
	manager.hears("READY=1\n", "STATUS=2 of 2 nodes usable, 1 clients\n")
	s.Configure("nonsense: true\n")
	p.signal(syscall.SIGHUP)
	manager.hears("RELOADING=1\n")
	manager.hears("READY=1\n", "STATUS=2 of 2 nodes usable, 1 clients; the last reload changed nothing, as the configuration is wrong\n")
	c.Answers()
	go c.Closed()
	p.stop()
	manager.hears("STOPPING=1\n", "STATUS=stopping, within 1s\n")
}

func TestAFrozenFermataTellsItsWatchdogNothing(t *testing.T) {
	t.Parallel()
	_, urls := apptest.StartNodes(t, 1)
	s := apptest.Configured(t, urls, "")
	manager := newSupervisor(t)
	manager.watchdog = time.Second
	p := manager.start(s)
	manager.hears("READY=1\n")
	for range 3 {
		manager.hears("WATCHDOG=1\n")
	}
	p.signal(syscall.SIGSTOP)
	for quiet := false; !quiet; {
		message, err := manager.next(time.Now().Add(manager.watchdog))
		if quiet = err != nil; message != "" && message != "WATCHDOG=1" {
			t.Errorf("got %q of a frozen process, want nothing", message)
		}
	}
	p.signal(syscall.SIGCONT)
	manager.hears("WATCHDOG=1\n")
	p.stop()
}

func TestPassedSocketsAreServedAndKeptByAReload(t *testing.T) {
	t.Parallel()
	_, urls := apptest.StartNodes(t, 2)
	manager := newSupervisor(t)
	byName := manager.open("tcp", "127.0.0.1:0", "listen[0]")
	byAddress := manager.open("tcp", "127.0.0.1:0", "fermata.socket")
	unwanted := manager.open("tcp", "127.0.0.1:0", "fermata.socket")
	s := apptest.Configured(t, urls, "listen: [{address: '127.0.0.1:9'}, {address: '"+byAddress.Addr().String()+"'}]\ntimeouts: {close: 1s}\n")
	path := strings.TrimPrefix(s.Admin, "unix:")
	manager.open("unix", path, "fermata-admin.socket")
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	p := manager.start(s)
	p.until(`no listener wants this socket of the service manager","socket":"` + unwanted.Addr().String() + ` \(fermata.socket\)"`)
	manager.hears("READY=1\n")
	for range 2 {
		for _, l := range []net.Listener{byName, byAddress} {
			s.Address = l.Addr().String()
			c := s.Dial()
			c.Answers()
			go c.Closed()
		}
		wantCLI(s, exitDone, "", "", "reload") // over the admin's passed socket
	}
	p.stop()
	if _, err := os.Stat(path); err != nil {
		t.Errorf("got %v, want the service manager's socket to stay", err)
	}
}

func TestAnAdminSocketThatEveryUserCanOpenIsRefused(t *testing.T) {
	s := apptest.Configured(t, []string{"http://127.0.0.1:9"}, "")
	manager := newSupervisor(t)
	path := strings.TrimPrefix(s.Admin, "unix:")
	manager.open("unix", path, "admin")
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	p := manager.start(s)
	p.until(`fermata: admin: got mode 0666 of .*, want 0600, or 0660 for a group, as there is no admin.token`)
	var exit *exec.ExitError
	if err := p.exited(); !errors.As(err, &exit) || exit.ExitCode() != exitFailed {
		t.Errorf("got %v, want exit %d", err, exitFailed)
	}
}

func TestAnAdminSocketElsewhereIsRefused(t *testing.T) {
	s := apptest.Configured(t, []string{"http://127.0.0.1:9"}, "")
	manager := newSupervisor(t)
	manager.open("tcp", "127.0.0.1:0", "admin")
	p := manager.start(s)
	p.until(`fermata: admin: got the socket 127.0.0.1:[0-9]+ of the service manager, want it at admin.address, unix:`)
	p.exited()
}
