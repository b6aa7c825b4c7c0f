package health

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

var reverbOptions = Options{Type: TypeReverb, Reverb: ReverbOptions{AppKey: "my/key", Origin: "https://example.com"}}

const (
	established = `{"event":"pusher:connection_established","data":"{\"socket_id\":\"1.2\",\"activity_timeout\":30}"}`
	pong        = `{"event":"pusher:pong"}`
	unknownApp  = `{"event":"pusher:error","data":"{\"code\":4001,\"message\":\"Application does not exist\"}"}`
	overQuota   = `{"event":"pusher:error","data":"{\"code\":4004,\"message\":\"Application is over connection quota\"}"}`
	badOrigin   = `{"event":"pusher:error","data":{"code":4009,"message":"Origin not allowed"}}`
)

func TestReverbIsUpWhenItGreetsAndAnswersAPing(t *testing.T) {
	requests := make(chan *http.Request, 1)
	closed := make(chan websocket.StatusCode, 1)
	address := reverb(t, func(s *session) {
		requests <- s.request
		s.send("no JSON", established)
		s.wantPing(t)
		s.send(`{"event":"pusher:ping"}`, pong)
		closed <- s.end()
	})
	wantUp(t, reverbOptions, address, `^pong in [0-9.]+(µs|ms|s)$`)

	r := <-requests
	if got, want := r.RequestURI, "/app/my%2Fkey?protocol=7&client=fermata&version=1.0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if r.Host != address || r.Header.Get("Origin") != "https://example.com" {
		t.Errorf("got Host %q, Origin %q", r.Host, r.Header.Get("Origin"))
	}
	if code := <-closed; code != websocket.StatusNormalClosure {
		t.Errorf("the check ended with %d, want a Close 1000", code)
	}
}

func TestReverbsLoopIsTimedFromThePingToThePong(t *testing.T) {
	const busy = 20 * time.Millisecond
	wantLoop(t, reverbOptions, reverb(t, func(s *session) {
		<-time.After(busy) // before the greeting does not count
		s.send(established)
		s.wantPing(t)
		s.send(pong)
		s.end()
	}), 1)
	wantLoop(t, reverbOptions, reverb(t, func(s *session) {
		s.send(established)
		s.wantPing(t)
		<-time.After(busy)
		s.send(pong)
		s.end()
	}), busy)
}

func TestReverbThatOnlyRefusesThisClientIsUp(t *testing.T) {
	f := func(refusal, want string) {
		t.Helper()
		address := reverb(t, func(s *session) {
			s.send(refusal)
			s.wantPing(t)
			s.send(pong)
			s.end()
		})
		wantUp(t, reverbOptions, address, want)
	}
	f(overQuota, `^pong in .*, after pusher:error 4004: Application is over connection quota$`)
	f(badOrigin, `^pong in .*, after pusher:error 4009: Origin not allowed$`)
}

func TestReverbThatDoesNotKnowTheAppIsDown(t *testing.T) {
	const want = `^pusher:error 4001: Application does not exist$`
	wantDown(t, reverbOptions, reverb(t, func(s *session) { s.send(unknownApp) }), want)
	wantDown(t, reverbOptions, reverb(t, func(s *session) { s.send(unknownApp); s.end() }), want)
}

func TestReverbSaysWhyNothingCame(t *testing.T) {
	f := func(serve func(*session), want string) {
		t.Helper()
		wantDown(t, reverbOptions, reverb(t, serve), want)
	}
	f(func(s *session) {}, `^connection closed before the pusher:connection_established$`)
	f(func(s *session) { s.socket.Close(1013, "") }, `^connection closed with 1013 before the pusher:connection_established$`)
	f(func(s *session) { s.send(established); s.wantPing(t) }, `^connection closed before the pong$`)
	f(func(s *session) { s.send(badOrigin); s.wantPing(t) }, `^pusher:error 4009: Origin not allowed$`)
	f(func(s *session) {
		s.send(established)
		s.wantPing(t)
		s.send(`{"event":"pusher:error","data":"{\"code\":4200,\"message\":\"Invalid message format\"}"}`)
	}, `^pusher:error 4200: Invalid message format$`)
}

func TestReverbThatDoesNotGreetIsDown(t *testing.T) {
	ctx, giveUp := context.WithCancel(t.Context())
	address := reverb(t, func(s *session) {
		s.socket.Ping(s.socket.CloseRead(context.Background())) // answered once the check waits
		giveUp()
	})
	wantDownWithin(ctx, t, reverbOptions, address, `^no pusher:connection_established in 1m0s$`)
}

func TestReverbThatDoesNotPongIsDown(t *testing.T) {
	ctx, giveUp := context.WithCancel(t.Context())
	address := reverb(t, func(s *session) {
		s.send(established)
		s.wantPing(t)
		giveUp()
		s.end()
	})
	wantDownWithin(ctx, t, reverbOptions, address, `^no pong in 1m0s$`)
}

func TestReverbThatDoesNotAnswerTheCloseIsUp(t *testing.T) {
	ctx, giveUp := context.WithCancel(t.Context())
	address := reverb(t, func(s *session) {
		s.send(established)
		s.wantPing(t)
		s.send(pong)
		s.raw.Read(make([]byte, 1)) // the Close frame's first byte
		giveUp()
	})
	o := reverbOptions
	o.Timeout = limit
	found, err := newProbe(at(address), o)(ctx)
	if err != nil || !strings.HasPrefix(found.said, "pong in ") {
		t.Errorf("got %q, %v; want a pong", found.said, err)
	}
}

func TestReverbSaysWhyTheHandshakeFailed(t *testing.T) {
	f := func(sent, want string) {
		t.Helper()
		wantDown(t, reverbOptions, answer(t, sent), want)
	}
	f("HTTP/1.1 403 Forbidden\r\n\r\n", `^handshake: status 403$`)
	f("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", `^handshake: status 302$`)
	f("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", `^handshake: status 200$`)
	f("", `^handshake: connection closed without an answer$`)
	f("SSH-2.0-OpenSSH_9.6\r\n", `^handshake: malformed HTTP`)
	f("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		`^handshake: WebSocket protocol violation`)
}

func TestReverbThatKeepsTheConnectionOfARefusedHandshakeIsNotWaitedFor(t *testing.T) {
	address := listen(t, func(conn net.Conn) {
		readRequest(conn)
		io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
		io.Copy(io.Discard, conn) // until the check closes it
	})
	wantDown(t, reverbOptions, address, `^handshake: status 400 \(does it speak TLS, and want https:// in its url\?\)$`)
}

func TestReverbThatDoesNotAnswerTheHandshakeIsDown(t *testing.T) {
	ctx, giveUp := context.WithCancel(t.Context())
	address := listen(t, func(conn net.Conn) {
		readRequest(conn)
		giveUp()
		io.Copy(io.Discard, conn)
	})
	wantDownWithin(ctx, t, reverbOptions, address, `^handshake: no answer in 1m0s$`)
}

func TestReverbThatSendsNoFramesIsDown(t *testing.T) {
	address := reverb(t, func(s *session) { io.WriteString(s.raw, strings.Repeat("\xff", 100)) })
	wantDown(t, reverbOptions, address, `^no pusher:connection_established: `)
}

// session is one client of a node that reverb runs.
type session struct {
	request *http.Request
	socket  *websocket.Conn
	raw     net.Conn
}

// reverb is a node that answers 101 and then does what serve does; a bare FIN
// follows, as Reverb does it.
func reverb(t *testing.T, serve func(*session)) (address string) {
	t.Helper()
	var running sync.WaitGroup
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		running.Add(1)
		defer running.Done()
		hijack := &hijackSpy{ResponseWriter: w}
		socket, err := websocket.Accept(hijack, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		defer socket.CloseNow()
		serve(&session{request: r, socket: socket, raw: hijack.conn})
	}))
	t.Cleanup(running.Wait)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// hijackSpy keeps the connection that the WebSocket takes.
type hijackSpy struct {
	http.ResponseWriter
	conn net.Conn
}

func (s *hijackSpy) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(s.ResponseWriter).Hijack()
	s.conn = conn
	return conn, buffers, err
}

func (s *session) send(texts ...string) {
	for _, text := range texts {
		s.socket.Write(context.Background(), websocket.MessageText, []byte(text))
	}
}

func (s *session) wantPing(t *testing.T) {
	t.Helper()
	_, text, err := s.socket.Read(context.Background())
	if want := `{"event":"pusher:ping","data":{}}`; string(text) != want {
		t.Errorf("the node got %q, %v; want %s", text, err, want)
	}
}

// end waits until the check ends, and returns how it did.
func (s *session) end() websocket.StatusCode {
	_, _, err := s.socket.Read(context.Background())
	return websocket.CloseStatus(err)
}
