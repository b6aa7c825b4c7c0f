package relay

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// onWire returns a server's tls.Conn on a wire, after the handshake, and its
// client, whose records sent returns.
func onWire(t *testing.T) (w *wire, server, client *tls.Conn) {
	t.Helper()
	far, near := net.Pipe()
	config := tlsConfig(t)
	config.SessionTicketsDisabled = true // a pipe has no room for one
	under, above := &swappable{near}, &swappable{far}
	server = tls.Server(under, config)
	client = tls.Client(above, &tls.Config{InsecureSkipVerify: true})
	handshake := make(chan error, 1)
	go func() { handshake <- client.Handshake() }()
	if err := errors.Join(server.Handshake(), <-handshake); err != nil {
		t.Fatal(err)
	}
	near.Close()
	far.Close()
	w = &wire{}
	under.Conn, above.Conn = w, &wire{}
	return w, server, client
}

type swappable struct{ net.Conn }

// sent is what the client has written since.
func sent(client *tls.Conn) []byte {
	return client.NetConn().(*swappable).Conn.(*wire).take()
}

func TestTLSReadsRecordsThatAreCutAnywhere(t *testing.T) {
	w, server, client := onWire(t)
	message := binaryOf(masked, 100)
	room := make([]byte, 1<<16)
	for cut := 0; ; cut++ {
		client.Write(message[:60])
		client.Write(message[60:])
		records := sent(client)
		if cut > len(records) {
			break
		}
		var got []byte
		for _, part := range [][]byte{records[:cut], records[cut:]} {
			w.feed(part, os.ErrDeadlineExceeded)
			n, err := fill(server, room)
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("cut at %d: got error %v", cut, err)
			}
			got = append(got, room[:n]...)
		}
		if !bytes.Equal(got, message) {
			t.Fatalf("cut at %d: got %d bytes, want %d", cut, len(got), len(message))
		}
	}
}

func TestTLSReadsManyRecordsAtOnce(t *testing.T) {
	w, server, client := onWire(t)
	all := binaryOf(masked, 20000)
	for b := all; len(b) > 0; {
		n := min(len(b), 500)
		client.Write(b[:n])
		b = b[n:]
	}
	w.feed(sent(client), os.ErrDeadlineExceeded)
	room := make([]byte, 1<<16)
	n, err := fill(server, room)
	if !bytes.Equal(room[:n], all) || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %d bytes and error %v, want %d", n, err, len(all))
	}
}

func TestTLSTellsACleanEndFromACutRecord(t *testing.T) {
	w, server, client := onWire(t)
	client.Write([]byte("x"))
	client.CloseWrite()
	w.feed(sent(client), os.ErrDeadlineExceeded)
	if n, err := fill(server, make([]byte, 10)); n != 1 || err != io.EOF {
		t.Errorf("close_notify: got %d bytes, error %v; want 1 and EOF", n, err)
	}
	w, server, client = onWire(t)
	client.Write([]byte("x"))
	w.feed(sent(client)[:10], io.EOF)
	if _, err := fill(server, make([]byte, 10)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut record: got error %v, want an unexpected EOF", err)
	}
	w, server, _ = onWire(t)
	w.feed(nil, io.EOF)
	if _, err := fill(server, make([]byte, 10)); err != io.EOF {
		t.Errorf("no close_notify: got error %v, want EOF", err)
	}
}

func TestAWireIsClosedToAllButItsShard(t *testing.T) {
	conn := net.Conn(&wire{})
	for _, err := range []error{conn.SetDeadline(time.Time{}), conn.SetReadDeadline(time.Time{}), conn.SetWriteDeadline(time.Time{})} {
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, want %v", err, net.ErrClosed)
		}
	}
	if conn.LocalAddr() == nil || conn.RemoteAddr() == nil || conn.Close() != nil {
		t.Error("it must be harmless")
	}
}
