package app

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"fermata/internal/config"
	"fermata/proxy/relay"
)

func TestAcceptedConnectionsInheritTheKeepalive(t *testing.T) {
	l, err := listen(relay.NewPortable(), config.Listen{Address: "127.0.0.1:0"}, nil, func(net.Addr) relay.First { return nil })
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
	raw, err := conn.(*net.TCPConn).SyscallConn()
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
