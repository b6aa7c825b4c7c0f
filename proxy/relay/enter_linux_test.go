package relay

import (
	"crypto/tls"
	"net"
	"runtime"
	"testing"
	"weak"
)

// standing stands in a connection's place.
type standing struct{ net.Conn }

func (s *standing) NetConn() net.Conn { return s.Conn }

func TestNothingStaysOfWhatStoodInAConnectionsPlace(t *testing.T) {
	for name, secure := range map[string]*tls.Config{"TCP": nil, "TLS": tlsConfig(t)} {
		t.Run(name, func(t *testing.T) {
			var stood weak.Pointer[standing]
			r := legs{newEngine: newBest}.start(t, func(p *Pair) {
				p.Client = entered(t, secure, func(conn net.Conn) net.Conn {
					s := &standing{conn}
					stood = weak.Make(s)
					return s
				})
			})
			r.nodeSends(text(false, "hello"))
			r.pair.Client = nil
			waitUntil(t, func() bool {
				runtime.GC()
				return stood.Value() == nil
			})
			r.conn.Close(lostClose)
		})
	}
}

// entered is a connection that has come in by enter, over TLS or not.
func entered(t *testing.T, secure *tls.Config, enter Enter) net.Conn {
	t.Helper()
	l := listen(t, newBest(), enter)
	far := dialTo(t, l)
	near, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if secure == nil {
		return near
	}
	server, done := tls.Server(near, secure), make(chan error, 1)
	go func() { done <- tls.Client(far, &tls.Config{InsecureSkipVerify: true}).Handshake() }()
	if err := server.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return server
}
