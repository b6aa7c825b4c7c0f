package app

import (
	"net"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"fermata/internal/systemd"
)

func TestAcceptedConnectionsInheritTheKeepalive(t *testing.T) {
	l, err := new(App).openClients("listen[0]", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	hasKeepalive(t, conn.(*net.TCPConn))
}

func TestASocketOfTheServiceManagerHasTheKeepalive(t *testing.T) {
	var config net.ListenConfig
	config.SetMultipathTCP(false) // as a service manager's are
	theirs, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	file, err := theirs.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	sockets, err := systemd.NewSockets([]*os.File{file})
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&App{Sockets: sockets}).openClients("listen[0]", theirs.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	hasKeepalive(t, l.(*net.TCPListener))
}

func hasKeepalive(t *testing.T, socket syscall.Conn) {
	t.Helper()
	raw, err := socket.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		f := func(what string, level, option, want int) {
			t.Helper()
			if got, err := unix.GetsockoptInt(int(fd), level, option); err != nil || got != want {
				t.Errorf("%s: got %d, %v, want %d", what, got, err, want)
			}
		}
		f("SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
		f("idle", unix.IPPROTO_TCP, keepIdle, 60)
		f("interval", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15)
		if userTimeout != 0 {
			f("user timeout", unix.IPPROTO_TCP, userTimeout, 90_000)
		}
	})
}
