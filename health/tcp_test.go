package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"fermata/internal/lab/port"
)

func TestTCPConnects(t *testing.T) {
	address := listen(t, func(conn net.Conn) {})
	wantUp(t, Options{Type: TypeTCP}, address, `^connected in [0-9.]+(µs|ms|s)$`)
}

func TestARefusedDialSaysSo(t *testing.T) {
	address := port.Reserve(t)
	wantDown(t, Options{Type: TypeTCP}, address, `^dial refused$`)
	wantDown(t, Options{Type: TypeHTTP, HTTP: HTTPOptions{Path: "/up"}}, address, `^dial refused$`)
	wantDown(t, Options{Type: TypeReverb, Reverb: ReverbOptions{AppKey: "key"}}, address, `^dial refused$`)
}

func TestADialThatTakesTooLongSaysSo(t *testing.T) {
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	_, err := tcpProbe(at("127.0.0.1:1"), Options{Timeout: time.Second})(ctx)
	wantText(t, err, `^dial timed out after 1s$`)
}

func TestDialErrorsAreShort(t *testing.T) {
	f := func(err error, want string) {
		t.Helper()
		if got := dialError(err, 0).Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(fmt.Errorf("node reverb-1: %w", errRefused), "dial refused")
	f(context.DeadlineExceeded, "dial timed out")
	f(&net.OpError{Op: "dial", Err: errors.New("no route to host")}, "dial: no route to host")
	f(&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "reverb-1"}}, "dial: lookup reverb-1: no such host")
}

func TestAFrozenNodeIsSeenByHTTPAndReverbAndNotByTCP(t *testing.T) {
	frozen, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer frozen.Close()
	wantUp(t, Options{Type: TypeTCP}, frozen.Addr().String(), `^connected`)

	for _, kind := range []string{TypeHTTP, TypeReverb} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		o := Options{Type: kind, HTTP: HTTPOptions{Path: "/up", Status: 200}, Reverb: ReverbOptions{AppKey: "key"}}
		if found, err := newProbe(at(frozen.Addr().String()), o)(ctx); err == nil {
			t.Errorf("%s: got %q from a frozen node, want an error", kind, found.said)
		}
	}
}

func TestACheckedNodeGoesDownWhenItsSocketIsGone(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan Result)
	o := Options{Interval: time.Hour, Timeout: time.Minute, Rise: 2, Fall: 2}
	checker := New(at(listener.Addr().String()), o, func(r Result) {
		select {
		case results <- r:
		case <-ctx.Done():
		}
	})
	var running sync.WaitGroup
	running.Go(func() { checker.Run(ctx) })
	defer running.Wait()
	defer cancel()

	if r := <-results; !r.Up || !r.Changed {
		t.Fatalf("got %+v, want up", r)
	}
	listener.Close()
	checker.DialFailed(errRefused)
	if r := <-results; !r.Up || r.Reason != "failed 1 of 2: dial refused" {
		t.Fatalf("got %+v, want up after one failure", r)
	}
	if r := <-results; r.Up || !r.Changed || r.Reason != "dial refused" {
		t.Fatalf("got %+v, want down: dial refused", r)
	}
}
