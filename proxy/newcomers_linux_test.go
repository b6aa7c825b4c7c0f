package proxy

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"fermata/internal/lab/devnode"
)

// dialRaw is a client by hand, with TLS where the scene has that.
func (s *scene) dialRaw() net.Conn {
	s.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	if s.secure == nil {
		return conn
	}
	return tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
}

// wantStatus is of the answer that comes.
func (s *scene) wantStatus(what string, from io.Reader, want int) {
	s.Helper()
	r, err := http.ReadResponse(bufio.NewReader(from), nil)
	if err != nil || r.StatusCode != want {
		s.Errorf("%s: got %v, %v, want status %d", what, r, err, want)
	}
}

// wantOver waits for the end of a connection without a word.
func wantOver(t *testing.T, what string, conn net.Conn) {
	t.Helper()
	if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%s: got %d bytes, %v, want the end of the connection", what, n, err)
	}
}

// In one piece it is served on the shard, and otherwise by the http.Server, which gets
// what was read of it.
func TestAnUpgradeComesInInHoweverManyPiecesItComes(t *testing.T) {
	for name, secure := range withAndWithoutTLS(t) {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, 1)
			s.secure = secure
			s.serve()
			head := fmt.Sprintf("GET /app/%s HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n%s\r\n", devnode.DefaultAppKey, goodFields)
			for i, at := range []int{0, 1, 20, len(head) - 1} {
				conn := s.dialRaw()
				if at > 0 {
					io.WriteString(conn, head[:at])
					s.until("the http.Server has it", func() bool { return s.left.Load() == int64(i) })
				}
				io.WriteString(conn, head[at:])
				s.wantStatus(fmt.Sprintf("in pieces at %d", at), conn, http.StatusSwitchingProtocols)
				conn.Close()
			}
		})
	}
}

func TestAPlainRequestGetsItsAnswerAndAnotherOne(t *testing.T) {
	for name, secure := range withAndWithoutTLS(t) {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, 1)
			s.secure = secure
			s.serve()
			conn := s.dialRaw()
			from := bufio.NewReader(conn)
			for range 2 {
				io.WriteString(conn, "GET /up HTTP/1.1\r\nHost: a\r\n\r\n")
				r, err := http.ReadResponse(from, nil)
				if err != nil || r.StatusCode != http.StatusOK || r.Close {
					t.Fatalf("got %v, %v, want 200, and that the connection stays", r, err)
				}
				io.Copy(io.Discard, r.Body)
			}
		})
	}
}

func TestAClientThatNeverAsksIsClosedAndCountedNowhere(t *testing.T) {
	for name, secure := range withAndWithoutTLS(t) {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, 1)
			s.secure = secure
			s.change(func(o *Options) { o.Timeouts.Header = 50 * time.Millisecond })
			s.serve()
			silent, err := net.Dial("tcp", s.address)
			if err != nil {
				t.Fatal(err)
			}
			defer silent.Close()
			_ = silent.SetDeadline(time.Now().Add(patience))
			wantOver(t, "a client that says nothing", silent)
			conn := s.dialRaw()
			if secure, ok := conn.(*tls.Conn); ok {
				_ = secure.Handshake()
				wantOver(t, "one that asks for nothing", conn)
			}
			conn.Close()
			s.until("nobody is counted", func() bool { return s.h.open.Open() == 0 })
			s.wantNothingLeft(0, 0)
		})
	}
}

func TestStrangersThatSayNothingMakeRoomForWhoDoes(t *testing.T) {
	s := newScene(t, 1)
	s.change(func(o *Options) { o.MaxConnections = 5 })
	s.serve()
	var silent []net.Conn
	for range 5 {
		silent = append(silent, s.dialRaw())
	}
	s.until("all have come", func() bool { return s.h.open.Open() == 5 })
	s.in()
	wantOver(t, "who was silent for longest", silent[0])
}

func TestNewcomersAreClosedWithTheServer(t *testing.T) {
	s := newScene(t, 1)
	s.serve()
	waiting := s.dialRaw()
	s.until("it has come", func() bool { return s.h.open.Open() == 1 })
	s.newcomers.Close()
	wantOver(t, "who was there", waiting)
	wantOver(t, "who comes later", s.dialRaw())
	s.until("nobody is counted", func() bool { return s.h.open.Open() == 0 })
}

// withAndWithoutTLS are what a listener can be, by name.
func withAndWithoutTLS(t *testing.T) map[string]*tls.Config {
	t.Helper()
	certified := httptest.NewUnstartedServer(nil)
	certified.StartTLS()
	t.Cleanup(certified.Close)
	return map[string]*tls.Config{"TCP": nil, "TLS": {Certificates: certified.TLS.Certificates}}
}
