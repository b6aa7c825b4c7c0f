package systemd_test

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"fermata/internal/systemd"
)

// passed are sockets that listen there, with their names, as a service manager
// passes them.
func passed(t *testing.T, sockets ...net.Listener) *systemd.Sockets {
	t.Helper()
	var files []*os.File
	for _, l := range sockets {
		file, err := l.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	s, err := systemd.NewSockets(files)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestASocketIsTakenOnceByItsAddress(t *testing.T) {
	one, other := listen(t, "tcp", "127.0.0.1:0"), listen(t, "tcp", "127.0.0.1:0")
	s := passed(t, one, other)
	got := s.Take("listen[0]", other.Addr().String())
	if got == nil || got.Addr().String() != other.Addr().String() {
		t.Fatalf("got %v, want the socket on %s", got, other.Addr())
	}
	got.Close()
	if again := s.Take("listen[1]", other.Addr().String()); again != nil {
		t.Errorf("got %v, want none left", again.Addr())
	}
	if left := s.Left(); len(left) != 1 || !strings.HasPrefix(left[0], one.Addr().String()) {
		t.Errorf("got %q left, want %s", left, one.Addr())
	}
}

func TestAPassedSocketAcceptsWhoHasConnectedBefore(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	early, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer early.Close()
	taken := passed(t, l).Take("", l.Addr().String())
	l.Close()
	defer taken.Close()
	conn, err := taken.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestASocketsFileStaysWhenItsListenerIsClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	taken := passed(t, listen(t, "unix", path)).Take("admin", "unix:"+path)
	taken.Close()
	if _, err := os.Stat(path); err != nil {
		t.Errorf("got %v, want the socket's file, which is the service manager's", err)
	}
}

func TestAFileThatIsNoSocketIsAnError(t *testing.T) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	l := listen(t, "tcp", "127.0.0.1:0")
	good, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	if s, err := systemd.NewSockets([]*os.File{good, file}); err == nil || !strings.Contains(err.Error(), os.DevNull) {
		t.Errorf("got %v, %v, want an error that names it", s, err)
	}
}

func TestWithoutPassedSocketsThereAreNone(t *testing.T) {
	t.Setenv("LISTEN_PID", "1") // another process's
	t.Setenv("LISTEN_FDS", "1")
	s, err := systemd.SocketsFromEnvironment()
	if s != nil || err != nil {
		t.Fatalf("got %v, %v, want none", s, err)
	}
	if l := s.Take("listen[0]", ":80"); l != nil || s.Left() != nil {
		t.Errorf("got %v, want none", l)
	}
}

func TestWhichSocketsListenOnAnAddress(t *testing.T) {
	check := func(socket, address string, want bool) {
		t.Helper()
		addr, err := net.ResolveTCPAddr("tcp", socket)
		if err != nil {
			t.Fatal(err)
		}
		if got := systemd.ListensOn(addr, address); got != want {
			t.Errorf("%s on %s: got %v, want %v", socket, address, got, want)
		}
	}
	for _, everywhere := range []string{"0.0.0.0:443", "[::]:443"} {
		check(everywhere, ":443", true)
		check(everywhere, ":80", false)
		check(everywhere, "127.0.0.1:443", false)
	}
	check("[::]:443", "0.0.0.0:443", false)
	check("127.0.0.1:443", ":443", false)
	check("127.0.0.1:443", "127.0.0.1:443", true)
	check("[::1]:443", "[0:0:0:0:0:0:0:1]:443", true)
	check("127.0.0.1:443", "unix:/run/x", false)
	check("127.0.0.1:443", "nonsense", false)

	socket := &net.UnixAddr{Name: "/run/fermata/admin.sock", Net: "unix"}
	for address, want := range map[string]bool{"unix:/run/fermata/admin.sock": true, "unix:/run/other.sock": false, ":80": false} {
		if got := systemd.ListensOn(socket, address); got != want {
			t.Errorf("%s on %s: got %v, want %v", socket, address, got, want)
		}
	}
}

func TestANameGoesBeforeAnAddress(t *testing.T) {
	byName, byAddress := listen(t, "tcp", "127.0.0.1:0"), listen(t, "tcp", "127.0.0.1:0")
	s, err := systemd.NewSockets([]*os.File{named(t, "fermata.socket", byAddress), named(t, "listen[0]", byName)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l := s.Take("listen[0]", byAddress.Addr().String())
	defer l.Close()
	if got, want := l.Addr().String(), byName.Addr().String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if want := []string{byAddress.Addr().String() + " (fermata.socket)"}; !slices.Equal(s.Left(), want) {
		t.Errorf("got %q left, want %q", s.Left(), want)
	}
}

// named is the socket as a file of that name.
func named(t *testing.T, name string, l net.Listener) *os.File {
	t.Helper()
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	fd, err := syscall.Dup(int(file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), name)
}
