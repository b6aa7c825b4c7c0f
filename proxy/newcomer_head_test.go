package proxy

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"fermata/proxy/session"
)

// judge is an http.Server that is shown one head after the other.
type judge struct {
	conns chan net.Conn
	got   chan *judged
}

// judged is what the server has made of a head.
type judged struct {
	r    *http.Request
	rest []byte // what is behind it
}

func newJudge(t testing.TB) *judge {
	j := &judge{conns: make(chan net.Conn), got: make(chan *judged, 1)}
	server := &http.Server{Handler: j, MaxHeaderBytes: DefaultLimits().MaxHeaderBytes}
	var serving sync.WaitGroup
	serving.Go(func() { server.Serve(j) })
	t.Cleanup(func() {
		close(j.conns)
		server.Close()
		serving.Wait()
	})
	return j
}

func (j *judge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	rest, _ := rw.Reader.Peek(rw.Reader.Buffered())
	j.got <- &judged{r, rest}
}

// Accept implements net.Listener.
func (j *judge) Accept() (net.Conn, error) {
	conn, ok := <-j.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

// Close implements net.Listener.
func (j *judge) Close() error { return nil }

// Addr implements net.Listener.
func (j *judge) Addr() net.Addr { return &net.TCPAddr{} }

// ask is what the server makes of the bytes; nil: it refuses them, or wants more.
func (j *judge) ask(all []byte) *judged {
	c := &shown{all: bytes.NewReader(all), closed: make(chan struct{})}
	j.conns <- c
	<-c.closed
	select {
	case got := <-j.got:
		return got
	default:
		return nil
	}
}

// shown is a connection from which the bytes come at once, and then its end.
type shown struct {
	net.Conn // nil: all that is used is here
	all      *bytes.Reader
	closed   chan struct{}
	once     sync.Once
}

func (s *shown) Read(b []byte) (int, error)       { return s.all.Read(b) }
func (s *shown) Write(b []byte) (int, error)      { return len(b), nil }
func (s *shown) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *shown) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (s *shown) SetDeadline(time.Time) error      { return nil }
func (s *shown) SetReadDeadline(time.Time) error  { return nil }
func (s *shown) SetWriteDeadline(time.Time) error { return nil }

func (s *shown) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// usualHeads are served on the shard.
var usualHeads = []string{
	"GET /app/key?protocol=7 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a:1\r\nCache-Control: max-age=0\r\nPragma: no-cache\r\nconnection:  keep-alive, Upgrade \r\nupgrade:\twebsocket\r\nCookie: a=b\r\nCookie: c=d\r\n\r\nearly",
	string(benchHead),
	"GET / HTTP/1.1\r\n" + strings.ToLower(string(benchHead[bytes.Index(benchHead, []byte("Host:")):])),
	"GET /%61//b/../*?%zz&é#c HTTP/1.1\r\nHost: [::1]:80\r\nUPGRADE: x, WebSocket\r\nEmpty:\r\nx_odd~!: é\r\nX_Odd~!: \t \r\nDnt: 1\r\nDNT: 0\r\n\r\n\r\n",
}

// unusualHeads are left to an http.Server.
var unusualHeads = []string{
	"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nPragma: no-cache\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n",
	"GET /a b HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
	"GET /\x7f HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
	"GET * HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
	"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
	"GET //a HTTP/1.1\r\nHost:\r\nUpgrade: websocket\r\n\r\n",
	"GET http://b/ HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
	"GET /%zz HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nUpgrade: websocket\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a b\r\nUpgrade: websocket\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nUpgrade : websocket\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n b: c\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nX: a\x00b\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\nX: b\n\nPOST /x HTTP/1.1\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\nhello",
	"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nTransfer-Encoding: \x0bchunked\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nExpect: 100-continue\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nTrailer: X\r\n\r\n",
	"GET / HTTP/1.0\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
	"GET / HTTP/1.1 \r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
	"GET  / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
	"\r\nGET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n: b\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nb\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nX: \r\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nX: " + strings.Repeat("x", 5000) + "\r\n\r\n",
}

func readBuffered(all []byte) (*http.Request, []byte) {
	b := new(headBuffer)
	r, rest := b.upgrade(context.Background(), copy(b[:], all))
	return r, bytes.Clone(rest)
}

// Whatever is served on the shard, an http.Server would serve, as the same request.
func FuzzUpgradesAreWhatAnHTTPServerTakesThemFor(f *testing.F) {
	for _, head := range slices.Concat(usualHeads, unusualHeads) {
		f.Add([]byte(head))
	}
	j := newJudge(f)
	f.Fuzz(func(t *testing.T, all []byte) {
		r, rest := readBuffered(all)
		if r == nil {
			return
		}
		all = all[:min(len(all), len(headBuffer{}))]
		want := j.ask(all)
		if want == nil {
			t.Fatalf("%q: taken, want it refused as by an http.Server", all)
		}
		if got, want := essence(r), essence(want.r); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %#v, want %#v", all, got, want)
		}
		if !bytes.Equal(rest, want.rest) {
			t.Errorf("%q: got %q behind it, want %q", all, rest, want.rest)
		}
	})
}

// essence is all that a handler can see of a request, but for its connection.
func essence(r *http.Request) map[string]any {
	all := map[string]any{}
	for field, value := range reflect.ValueOf(r).Elem().Fields() {
		if field.IsExported() && field.Name != "RemoteAddr" {
			all[field.Name] = value.Interface()
		}
	}
	return all
}

func TestOnlyUsualUpgradesAreServedOnTheShard(t *testing.T) {
	for _, head := range usualHeads {
		if r, rest := readBuffered([]byte(head)); r == nil {
			t.Errorf("%.200q: got it left to an http.Server, %q after it, want it taken", head, rest)
		}
	}
	for _, head := range unusualHeads {
		if r, _ := readBuffered([]byte(head)); r != nil {
			t.Errorf("%.200q: got %v, want it left to an http.Server", head, r)
		}
	}
}

func TestWhatAClientSendsAfterItsHeadIsKept(t *testing.T) {
	if r, rest := readBuffered([]byte(usualHeads[1])); r == nil || string(rest) != "early" {
		t.Errorf("got %v and %q after it, want the request and what is early", r, rest)
	}
	whole := usualHeads[0]
	for n := range len(whole) {
		if r, rest := readBuffered([]byte(whole[:n])); r != nil || string(rest) != whole[:n] {
			t.Fatalf("%d bytes: got %v and %q, want nothing taken of what is not whole", n, r, rest)
		}
	}
}

// A client may stay for days, and any piece of its head would keep the whole.
func TestAClientKeepsNothingOfItsHead(t *testing.T) {
	o := trusting(t, "192.0.2.0/24")
	o.Headers, o.Apps = DefaultHeaders(), []session.App{knownApp}
	gone := make(chan struct{})
	come := func() *sessionClient {
		r := readUpgrade(t.Context(), strings.Clone("GET "+appTarget+"?protocol=7 HTTP/1.1\r\nHost: ws.example.com\r\nUpgrade: websocket\r\n"+
			"Origin: https://app.example.com\r\nX-Forwarded-For: 203.0.113.9\r\nX-Request-Id: given\r\n"))
		runtime.AddCleanup(unsafe.StringData(r.RequestURI), func(gone chan struct{}) { close(gone) }, gone)
		r.RemoteAddr = "192.0.2.1:5000"
		return newSessionClient(r, o)
	}
	s := come()
	if s == nil || s.request.given != "given" {
		t.Fatalf("got %v, want a client with a session and the id that it was given", s)
	}
	runtime.GC()
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Error("got the head in memory, want it gone")
	}
	runtime.KeepAlive(s)
}
