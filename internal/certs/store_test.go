package certs

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func mustLoad(t *testing.T, pairs ...Pair) *Store {
	t.Helper()
	s, err := Load(pairs, nil, Issued{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// echo serves TLS with the store's certificates on loopback, and sends back
// what it gets. Its end waits for every client's.
func echo(t *testing.T, s *Store, minVersion uint16) (address string) {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", s.Config(minVersion))
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				io.Copy(conn, conn)
			})
		}
	})
	t.Cleanup(serving.Wait)
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}

func dial(t *testing.T, address string, config *tls.Config) *tls.Conn {
	t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", address, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func trust(t *testing.T, pairs ...Pair) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	for _, p := range pairs {
		pool.AppendCertsFromPEM([]byte(readText(t, p.Cert)))
	}
	return pool
}

// say sends a word and wants it back.
func say(t *testing.T, conn *tls.Conn, word string) {
	t.Helper()
	if _, err := io.WriteString(conn, word); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(word))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != word {
		t.Fatalf("got %q and %v, want %q", got, err, word)
	}
}

func servedName(conn *tls.Conn) string {
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}

func TestTheCertificateIsChosenBySNI(t *testing.T) {
	now := time.Now()
	a := writePair(t, now, "a.example.com", "127.0.0.1")
	b := writePair(t, now, "b.example.com")
	wild := writePair(t, now, "*.apps.example.com")
	address := echo(t, mustLoad(t, a, b, wild), tls.VersionTLS12)

	f := func(serverName, want string) {
		t.Helper()
		conn := dial(t, address, &tls.Config{ServerName: serverName, InsecureSkipVerify: true})
		if got := servedName(conn); got != want {
			t.Errorf("for %q: got %s, want %s", serverName, got, want)
		}
	}
	f("a.example.com", "a.example.com")
	f("b.example.com", "b.example.com")
	f("B.example.COM", "b.example.com")
	f("shop.apps.example.com", "*.apps.example.com")
	f("deep.shop.apps.example.com", "a.example.com") // a wildcard is for one label
	f("unknown.example.com", "a.example.com")
	f("127.0.0.1", "a.example.com") // an address is never sent as SNI
}

func TestOnlyHTTP1IsNegotiated(t *testing.T) {
	p := writePair(t, time.Now(), "a.example.com")
	address := echo(t, mustLoad(t, p), tls.VersionTLS12)
	conn := dial(t, address, &tls.Config{ServerName: "a.example.com", RootCAs: trust(t, p), NextProtos: []string{"h2", "http/1.1"}})
	if got := conn.ConnectionState().NegotiatedProtocol; got != "http/1.1" {
		t.Errorf("got %q, want http/1.1", got)
	}
}

func TestAnOldClientIsRefusedBelowTheMinimumVersion(t *testing.T) {
	p := writePair(t, time.Now(), "a.example.com")
	address := echo(t, mustLoad(t, p), tls.VersionTLS13)
	config := &tls.Config{ServerName: "a.example.com", RootCAs: trust(t, p), MaxVersion: tls.VersionTLS12}
	if conn, err := tls.Dial("tcp", address, config); err == nil {
		conn.Close()
		t.Error("got a TLS 1.2 connection, want a refusal")
	}
}

func TestASwapTouchesNoClientAndKeepsSessions(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) { testSwap(t, version) })
	}
}

func testSwap(t *testing.T, version uint16) {
	now := time.Now()
	old := writePair(t, now, "ws.example.com", "old.example.com")
	fresh := writePair(t, now, "new.example.com", "ws.example.com")
	store := mustLoad(t, old)
	address := echo(t, store, tls.VersionTLS12)
	config := &tls.Config{
		ServerName:         "ws.example.com",
		RootCAs:            trust(t, old, fresh),
		MaxVersion:         version,
		ClientSessionCache: tls.NewLRUClientSessionCache(8),
	}
	before := dial(t, address, config)
	say(t, before, "the ticket comes with this answer")

	store.Replace(mustLoad(t, fresh))

	say(t, before, "still here")
	resumed := dial(t, address, config)
	if !resumed.ConnectionState().DidResume {
		t.Error("got a full handshake after the swap, want a resumed session")
	}
	say(t, resumed, "hello")
	config = config.Clone()
	config.ClientSessionCache = nil
	if got := servedName(dial(t, address, config)); got != "new.example.com" {
		t.Errorf("got the certificate of %s after the swap, want new.example.com", got)
	}
}

func TestLoadErrsWithEveryBadPair(t *testing.T) {
	now := time.Now()
	good := writePair(t, now, "a.example.com")
	mixed := Pair{Cert: good.Cert, Key: writePair(t, now, "b.example.com").Key}
	bare := Pair{Cert: good.Key, Key: good.Key}
	_, err := Load([]Pair{good, bare, mixed}, nil, Issued{})
	if err == nil || !strings.Contains(err.Error(), "got no certificate") || !strings.Contains(err.Error(), "is no key for") {
		t.Errorf("got %v, want both what is no certificate and what does not match", err)
	}
	if _, err := Load(nil, nil, Issued{}); err == nil {
		t.Error("got no error for no pairs, want one")
	}
}

func TestNotAfterIsTheEarliest(t *testing.T) {
	now := time.Now()
	later := writePair(t, now, "a.example.com")
	sooner := writePair(t, now.Add(-24*time.Hour), "b.example.com")
	got := mustLoad(t, later, sooner).NotAfter()
	if want := now.Add(-24 * time.Hour).Add(selfSignedFor); got.Sub(want).Abs() > time.Second {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAnExpiredPairKeepsNoOtherFromBeingServed(t *testing.T) {
	now := time.Now()
	good := writePair(t, now, "a.example.com")
	expired := writePair(t, now.AddDate(-1, 0, 0), "b.example.com")
	early := writePair(t, now.AddDate(1, 0, 0), "c.example.com")
	address := echo(t, mustLoad(t, good, expired, early), tls.VersionTLS12)
	say(t, dial(t, address, &tls.Config{ServerName: "a.example.com", RootCAs: trust(t, good)}), "hello")
	for _, name := range []string{"b.example.com", "c.example.com"} {
		conn := dial(t, address, &tls.Config{ServerName: name, InsecureSkipVerify: true})
		if got := servedName(conn); got != name {
			t.Errorf("got the certificate of %s, want that of %s", got, name)
		}
	}
}
