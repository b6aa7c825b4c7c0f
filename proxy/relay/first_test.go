package relay

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
)

func TestTheFirstBytesOfAConnectionAreShownOnce(t *testing.T) {
	for name, newEngine := range map[string]func() Engine{"Portable": NewPortable, "Best": newBest} {
		t.Run(name, func(t *testing.T) {
			engine := newEngine()
			seen := make(chan string, 10)
			l := listen(t, engine, func(from net.Addr, b []byte) { seen <- from.String() + " " + string(b) })
			defer engine.Wait()
			defer l.Close()
			far, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer far.Close()
			near, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer near.Close()
			got := make([]byte, 5)
			for _, text := range []string{"first", "again"} {
				send(t, far, []byte(text))
				if _, err := io.ReadFull(near, got); err != nil || string(got) != text {
					t.Errorf("got %q, %v, want %q", got, err, text)
				}
			}
			if first := <-seen; first != far.LocalAddr().String()+" first" || len(seen) > 0 {
				t.Errorf("got %q and %d more, want what came first, and from where", first, len(seen))
			}
		})
	}
}

func TestWhatComesInsteadOfTLSIsShown(t *testing.T) {
	engine := newBest()
	seen := make(chan string, 10)
	l := tls.NewListener(listen(t, engine, func(_ net.Addr, b []byte) { seen <- string(b) }), tlsConfig(t))
	defer engine.Wait()
	defer l.Close()
	far, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	near, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	send(t, far, []byte("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"))
	if err := near.(*tls.Conn).Handshake(); err == nil {
		t.Error("got a handshake, want an error")
	}
	if first := <-seen; !strings.HasPrefix(first, "PROXY TCP4 ") {
		t.Errorf("got %q, want what came", first)
	}
}
