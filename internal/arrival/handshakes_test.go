package arrival

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"fermata/internal/certs"
)

// limited is a server's configuration whose handshakes take places.
func limited(t *testing.T, h *Handshakes) *tls.Config {
	t.Helper()
	p, err := certs.WriteSelfSigned(t.TempDir(), []string{"a.example"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(p.Cert, p.Key)
	if err != nil {
		t.Fatal(err)
	}
	c := &tls.Config{Certificates: []tls.Certificate{pair}}
	h.Limit(c)
	return c
}

// shake begins a handshake over memory, and returns the client's end of it.
func shake(t *testing.T, c *tls.Config) (client net.Conn, done chan error) {
	near, far := net.Pipe()
	done = make(chan error, 1)
	server := tls.Server((&Entry{}).Enter(near), c)
	go func() {
		err := server.Handshake()
		near.Close()
		done <- err
	}()
	t.Cleanup(func() { far.Close() })
	return far, done
}

// begin sends a ClientHello and reads nothing of the answer.
func begin(client net.Conn) {
	go tls.Client(onlyWrites{client}, &tls.Config{InsecureSkipVerify: true}).Handshake()
}

type onlyWrites struct{ net.Conn }

func (o onlyWrites) Read([]byte) (int, error) { return 0, io.EOF }
func (o onlyWrites) Close() error             { return nil }

func finish(client net.Conn) error {
	return tls.Client(client, &tls.Config{InsecureSkipVerify: true}).Handshake()
}

func TestAHandshakeThatWaitsForItsClientHasNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHandshakes(1, time.Minute)
		c := limited(t, h)
		silent, _ := shake(t, c)
		halfway, _ := shake(t, c)
		begin(halfway)
		synctest.Wait()
		if len(h.places) != 0 {
			t.Errorf("got %d places taken by clients that say nothing more, want none", len(h.places))
		}
		client, done := shake(t, c)
		if err := errors.Join(finish(client), <-done); err != nil || len(h.places) != 0 {
			t.Errorf("got %v and %d places taken, want the handshake done and none", err, len(h.places))
		}
		silent.Close()
		halfway.Close()
	})
}

func TestAHandshakeWaitsForAPlaceAndNotForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHandshakes(1, time.Minute)
		c := limited(t, h)
		h.places <- struct{}{}
		client, done := shake(t, c)
		finished := make(chan error, 1)
		go func() { finished <- finish(client) }()
		synctest.Wait()
		if len(done)+len(finished) > 0 {
			t.Error("got a handshake, want one that waits")
		}
		<-h.places
		if err := errors.Join(<-finished, <-done); err != nil {
			t.Errorf("got %v, want the handshake done when there is a place", err)
		}
		h.places <- struct{}{}
		client, done = shake(t, c)
		go finish(client)
		if err := <-done; !errors.Is(err, errBusy) {
			t.Errorf("got %v, want %v after a minute", err, errBusy)
		}
	})
}

func TestAHandshakeThatFailsGivesItsPlaceBack(t *testing.T) {
	h := NewHandshakes(1, time.Minute)
	c := limited(t, h)
	c.MinVersion = tls.VersionTLS13
	for range 3 {
		client, done := shake(t, c)
		err := tls.Client(client, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}).Handshake()
		if err := errors.Join(err, <-done); err == nil {
			t.Error("got a handshake, want none with TLS 1.2")
		}
		client, done = shake(t, c)
		if err := errors.Join(finish(client), <-done); err != nil || len(h.places) != 0 {
			t.Errorf("got %v and %d places taken, want the next handshake done", err, len(h.places))
		}
	}
}
