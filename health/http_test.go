package health

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

var upOptions = Options{Type: TypeHTTP, HTTP: HTTPOptions{Path: "/up?deep=1", Status: 200}}

const healthy = "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n" + `{"health":"OK"}`

func TestHTTPPassesOnTheStatus(t *testing.T) {
	wantUp(t, upOptions, answer(t, healthy), `^GET /up\?deep=1: 200$`)

	o := Options{Type: TypeHTTP, HTTP: HTTPOptions{Path: "/", Status: 404}}
	wantUp(t, o, answer(t, "HTTP/1.1 404 Not Found\r\n\r\nbody until the end"), `^GET /: 404$`)
}

func TestHTTPSendsOneRequestAndAsksForAClose(t *testing.T) {
	requests := make(chan *http.Request, 1)
	address := listen(t, func(conn net.Conn) {
		requests <- readRequest(conn)
		io.WriteString(conn, healthy)
	})
	wantUp(t, upOptions, address, `200$`)
	r := <-requests
	if r.Method != "GET" || r.URL.String() != "/up?deep=1" || r.Host != address || !r.Close {
		t.Errorf("got %s %s, Host %s, close %v; want GET /up?deep=1, Host %s, close", r.Method, r.URL, r.Host, r.Close, address)
	}
}

func TestReverbWithoutAnAppKeyIsTheHTTPCheck(t *testing.T) {
	o := upOptions
	o.Type = TypeReverb
	wantUp(t, o, answer(t, healthy), `^GET /up\?deep=1: 200$`)
}

func TestHTTPSaysWhatIsWrong(t *testing.T) {
	f := func(sent, want string) {
		t.Helper()
		wantDown(t, upOptions, answer(t, sent), want)
	}
	f("HTTP/1.1 500 Internal Server Error\r\n\r\n", `^GET /up\?deep=1: status 500, want 200$`)
	f("HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n", `: status 302, want 200$`)
	f("", `^GET /up\?deep=1: connection closed without an answer$`)
	f("HTTP/1.0 200 OK\r\nContent-Length: 15\r\n", `: connection closed without an answer$`)
	f("SSH-2.0-OpenSSH_9.6\r\n", `^GET /up\?deep=1: malformed HTTP`)
	f("HTTP/1.0 200 OK\r\nA: "+strings.Repeat("a", 2*mostBytes), `: connection closed without an answer$`)
}

func TestHTTPToASilentNodeSaysSo(t *testing.T) {
	ctx, giveUp := context.WithCancel(t.Context())
	address := listen(t, func(conn net.Conn) {
		readRequest(conn)
		giveUp()
		io.Copy(io.Discard, conn)
	})
	wantDownWithin(ctx, t, upOptions, address, `^GET /up\?deep=1: no answer in 1m0s$`)
}

func TestHTTPDoesNotReadABodyWithoutEnd(t *testing.T) {
	address := listen(t, func(conn net.Conn) {
		readRequest(conn)
		io.WriteString(conn, "HTTP/1.0 200 OK\r\n\r\n")
		for {
			if _, err := conn.Write(make([]byte, mostBytes)); err != nil {
				return
			}
		}
	})
	wantUp(t, upOptions, address, `200$`)
}

func TestHTTPIsTimedFromTheRequestToTheAnswersFirstByte(t *testing.T) {
	const busy = 20 * time.Millisecond
	wantLoop(t, upOptions, listen(t, func(conn net.Conn) {
		readRequest(conn)
		<-time.After(busy)
		io.WriteString(conn, healthy)
	}), busy)
	wantLoop(t, upOptions, answer(t, healthy), 1)
}

func TestTCPAsksNothingAndTimesNoAnswer(t *testing.T) {
	found, err := newProbe(at(listen(t, func(net.Conn) {})), Options{Type: TypeTCP, Timeout: limit})(t.Context())
	if err != nil || found.loop != 0 {
		t.Errorf("got %v, %v, want no time", found.loop, err)
	}
}
