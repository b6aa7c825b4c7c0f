package health

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"regexp"
	"sync"
	"testing"
	"time"
)

// limit is what the checks of these tests are told to have, and long enough
// never to be reached: where time has to be up, the node calls giveUp.
const limit = time.Minute

// at is the node there.
func at(address string) Place { return Place{Address: address, Dial: dialTCP} }

func dialTCP(ctx context.Context, address string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", address)
}

// listen is a node that does what serve does with every connection. Serve's
// connection is closed when it returns; listen waits for that at the end.
func listen(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	t.Cleanup(running.Wait)
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}

// answer is a node that reads a request and then sends text, and hangs up.
func answer(t *testing.T, text string) (address string) {
	t.Helper()
	return listen(t, func(conn net.Conn) {
		readRequest(conn)
		conn.Write([]byte(text))
	})
}

func readRequest(conn net.Conn) *http.Request {
	request, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return &http.Request{}
	}
	return request
}

func wantUp(t *testing.T, o Options, address, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	o.Timeout = limit
	found, err := newProbe(at(address), o)(ctx)
	if err != nil {
		t.Fatalf("down: %v, want up", err)
	}
	if !regexp.MustCompile(want).MatchString(found.said) {
		t.Errorf("got %q, want %s", found.said, want)
	}
}

// wantLoop wants that the check saw the node take as long as that to answer, or
// longer, and less than the whole check took.
func wantLoop(t *testing.T, o Options, address string, least time.Duration) {
	t.Helper()
	o.Timeout = limit
	start := time.Now()
	found, err := newProbe(at(address), o)(t.Context())
	took := time.Since(start)
	if err != nil || found.loop < least || found.loop >= took {
		t.Errorf("got %v of %v, %v; want at least %v", found.loop, took, err, least)
	}
}

func wantDown(t *testing.T, o Options, address, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	wantDownWithin(ctx, t, o, address, want)
}

func wantDownWithin(ctx context.Context, t *testing.T, o Options, address, want string) {
	t.Helper()
	o.Timeout = limit
	_, err := newProbe(at(address), o)(ctx)
	wantText(t, err, want)
}

func wantText(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil {
		t.Fatalf("up, want down: %s", want)
	}
	if !regexp.MustCompile(want).MatchString(err.Error()) {
		t.Errorf("got %q, want %s", err, want)
	}
}
