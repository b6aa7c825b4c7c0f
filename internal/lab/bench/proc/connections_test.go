//go:build linux

package proc

import (
	"net"
	"os"
	"testing"
)

func TestConnectionsAreThoseThatCameInAndAreOpen(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for want := 1; want <= 2; want++ {
		client, err := net.Dial("tcp4", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		if got, err := Connections([]int{os.Getpid()}, l.Addr().String()); err != nil || got != want {
			t.Errorf("got %d, %v, want %d", got, err, want)
		}
	}
	if got, err := Connections([]int{1 << 30}, l.Addr().String()); err != nil || got != 0 {
		t.Errorf("a process that is gone: got %d, %v, want none", got, err)
	}
	if _, err := Connections(nil, "nowhere"); err == nil {
		t.Error("got no error for an address without a port")
	}
}
