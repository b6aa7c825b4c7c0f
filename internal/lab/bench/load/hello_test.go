//go:build linux

package load

import (
	"crypto/tls"
	"slices"
	"testing"
	"time"

	"fermata/internal/certs"
)

// seen is what a server has seen of a client.
type seen struct {
	hello *tls.ClientHelloInfo
	state tls.ConnectionState
}

// terminator shakes hands with clients, and hangs up.
func terminator(t *testing.T) (address string, clients chan seen) {
	t.Helper()
	pair, err := certs.WriteSelfSigned(t.TempDir(), []string{"bench.example"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	cert, err := tls.LoadX509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	hellos, clients := make(chan *tls.ClientHelloInfo, 10), make(chan seen, 10)
	l, err := tls.Listen("tcp4", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			hellos <- hello
			return nil, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			secure := conn.(*tls.Conn)
			if err := secure.Handshake(); err != nil {
				t.Error(err)
			}
			clients <- seen{<-hellos, secure.ConnectionState()}
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close() })
	return l.Addr().String(), clients
}

func TestTLSClientsOfferWhatABrowserDoes(t *testing.T) {
	address, clients := terminator(t)
	g := newGenerator(t)
	f := func(o Open, curves []tls.CurveID) {
		t.Helper()
		o.App, o.Addresses, o.Clients, o.TLS = "app", []string{address}, 1, true
		if err := g.Open(o, new(Opened)); err == nil {
			t.Error("got no error of a server that hangs up")
		}
		got := <-clients
		if offers := got.hello.SupportedCurves[:len(curves)]; !slices.Equal(offers, curves) || got.state.CurveID != curves[0] || got.state.HelloRetryRequest {
			t.Errorf("got %v, and keys by %v (asked again: %v), want %v, and the first's key at once", offers, got.state.CurveID, got.state.HelloRetryRequest, curves)
		}
		if want := []string{"http/1.1"}; !slices.Equal(got.hello.SupportedProtos, want) {
			t.Errorf("got protocols %q, want %q", got.hello.SupportedProtos, want)
		}
		if want := []uint16{tls.VersionTLS13, tls.VersionTLS12}; !slices.Equal(got.hello.SupportedVersions, want) {
			t.Errorf("got versions %#x, want %#x", got.hello.SupportedVersions, want)
		}
	}
	f(Open{}, []tls.CurveID{tls.X25519MLKEM768, tls.X25519})
	f(Open{X25519: true}, []tls.CurveID{tls.X25519, tls.CurveP256})
}
