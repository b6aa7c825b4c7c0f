package relay

import (
	"io"
	"net"
	"testing"
)

func TestARefusedConnectionIsClosedAndTheNextOneAccepted(t *testing.T) {
	for name, newEngine := range map[string]func() Engine{"Portable": NewPortable, "Best": newBest} {
		t.Run(name, func(t *testing.T) {
			engine, come := newEngine(), 0
			l := listen(t, engine, func(conn net.Conn) net.Conn {
				if come++; come == 1 {
					return nil
				}
				return conn
			})
			defer engine.Wait()
			defer l.Close()
			refused, far := dialTo(t, l), dialTo(t, l)
			near, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer near.Close()
			if n, err := refused.Read(make([]byte, 1)); n != 0 || err == nil {
				t.Errorf("got %d bytes and %v, want the end of a connection that was refused", n, err)
			}
			send(t, far, []byte("x"))
			if _, err := io.ReadFull(near, make([]byte, 1)); err != nil {
				t.Error(err)
			}
		})
	}
}
