package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// first is a listener of an engine with one shard, whose connections f is given.
func first(t *testing.T, f First) (Listener, Engine) {
	t.Helper()
	engine := New(1)
	l, err := engine.Listener(listening(t), Incoming{First: f})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, engine
}

// accepting has l accept, and returns what that returns.
func accepting(l Listener) chan net.Conn {
	accepted := make(chan net.Conn, 100)
	go func() {
		defer close(accepted)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- conn
		}
	}()
	return accepted
}

// echoOnce sends what comes first back, and closes.
func echoOnce(_ context.Context, conn net.Conn) net.Conn {
	defer conn.Close()
	b := make([]byte, 100)
	n, _ := conn.Read(b)
	conn.Write(b[:n])
	return nil
}

func wantEcho(t *testing.T, far net.Conn, text string) {
	t.Helper()
	_ = far.SetDeadline(time.Now().Add(patience))
	io.WriteString(far, text)
	if got, err := io.ReadAll(far); string(got) != text || err != nil {
		t.Errorf("got %q, %v, want %q", got, err, text)
	}
}

func TestAClientThatSaysNothingKeepsNobodyWaiting(t *testing.T) {
	l, engine := first(t, echoOnce)
	accepted := accepting(l)
	var silent []net.Conn
	for range 40 {
		silent = append(silent, dialTo(t, l))
	}
	wantEcho(t, dialTo(t, l), "one of a few")
	for i, far := range silent {
		wantEcho(t, far, fmt.Sprint("silent so far ", i))
	}
	l.Close()
	if conn := within(t, "the end", accepted); conn != nil {
		t.Errorf("got %v, want nobody left to Accept", conn)
	}
	engine.Wait()
}

func TestWhatMayWaitDoesNotWaitOnTheShard(t *testing.T) {
	waiting, goOn := make(chan bool), make(chan bool)
	l, engine := first(t, func(ctx context.Context, conn net.Conn) net.Conn {
		b := make([]byte, 1)
		if _, err := io.ReadFull(conn, b); err != nil || b[0] != 'w' {
			conn.Close()
			return nil
		}
		Aside(ctx)
		Aside(ctx) // once is enough
		waiting <- true
		<-goOn
		return echoOnce(ctx, conn)
	})
	accepting(l)
	slow := dialTo(t, l)
	io.WriteString(slow, "w")
	within(t, "who waits", waiting)
	other := dialTo(t, l)
	io.WriteString(other, "x")
	over(t, "another client", other)
	close(goOn)
	wantEcho(t, slow, "hello")
	l.Close()
	engine.Wait()
}

func TestAPauseEndsWithItsTimeOrItsContext(t *testing.T) {
	got := make(chan error, 2)
	l, engine := first(t, func(ctx context.Context, conn net.Conn) net.Conn {
		defer conn.Close()
		got <- Pause(ctx, time.Millisecond)
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(time.Millisecond, cancel)
		got <- Pause(ctx, time.Hour)
		return nil
	})
	accepting(l)
	far := dialTo(t, l)
	if err := within(t, "the time", got); err != nil {
		t.Errorf("got %v, want nil", err)
	}
	if err := within(t, "the context", got); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	over(t, "client", far)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Pause(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("elsewhere: got %v, want %v", err, context.Canceled)
	}
	if err := Pause(t.Context(), time.Millisecond); err != nil {
		t.Errorf("elsewhere: got %v, want nil", err)
	}
	l.Close()
	engine.Wait()
}

func TestAConnectionThatIsLeftIsAnybodys(t *testing.T) {
	l, engine := first(t, func(_ context.Context, conn net.Conn) net.Conn {
		b := make([]byte, 5)
		if _, err := io.ReadFull(conn, b); err != nil || string(b) != "first" {
			t.Errorf("got %q, %v, want what came first", b, err)
		}
		return conn
	})
	accepted := accepting(l)
	far := dialTo(t, l)
	io.WriteString(far, "first")
	near := within(t, "Accept", accepted)
	read := make(chan string, 1)
	go func() {
		b := make([]byte, 4)
		_, err := io.ReadFull(near, b)
		read <- fmt.Sprint(string(b), err)
	}()
	io.WriteString(far, "then")
	if got, want := within(t, "the rest", read), fmt.Sprint("then", nil); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	near.Close()
	l.Close()
	engine.Wait()
}

// Also one that has ended its half of the connection alone, and one that did so before
// anybody wanted to know.
func TestAFirstIsToldThatItsClientHasGone(t *testing.T) {
	gone := make(chan bool, 1)
	l, engine := first(t, func(ctx context.Context, conn net.Conn) net.Conn {
		defer conn.Close()
		b := make([]byte, 1)
		conn.Read(b)
		if b[0] == 'l' {
			_, _ = io.ReadAll(conn)
		} else if HasGone(ctx) {
			t.Error("got a client that has gone, want one that is there")
		} else {
			conn.Write(b)
		}
		ctx, cancel := context.WithCancel(ctx)
		Gone(ctx, cancel)
		gone <- Pause(ctx, patience) != nil && HasGone(ctx)
		return nil
	})
	accepting(l)
	for _, text := range []string{"a", "l"} {
		far := dialTo(t, l)
		io.WriteString(far, text)
		if text == "a" {
			io.ReadFull(far, make([]byte, 1))
		}
		far.(*net.TCPConn).CloseWrite()
		if !within(t, "the end", gone) {
			t.Errorf("%q: not told in %s", text, patience)
		}
		over(t, "client", far)
	}
	l.Close()
	engine.Wait()
}

func TestAFirstReadsUntilItsDeadline(t *testing.T) {
	ends := make(chan error, 4)
	l, engine := first(t, func(ctx context.Context, conn net.Conn) net.Conn {
		defer conn.Close()
		for i := range cap(ends) {
			if i == cap(ends)-1 {
				Aside(ctx)
			}
			_ = conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
			_, err := conn.Read(make([]byte, 1))
			ends <- err
		}
		return nil
	})
	accepting(l)
	far := dialTo(t, l)
	for i := range cap(ends) {
		if err := within(t, "the deadline", ends); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read %d: got %v, want %v", i, err, os.ErrDeadlineExceeded)
		}
	}
	over(t, "client", far)
	l.Close()
	engine.Wait()
}

func TestAFirstAsksANodeAndRelays(t *testing.T) {
	node := listening(t)
	go func() {
		for {
			conn, err := node.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				io.Copy(conn, conn)
			}()
		}
	}()
	var engine Engine
	ended := make(chan End, 1)
	l, engine := first(t, func(ctx context.Context, conn net.Conn) net.Conn {
		far, err := engine.Dial(ctx, node.Addr().String())
		if err != nil {
			t.Error(err)
			return conn
		}
		io.WriteString(far, "asked")
		b := make([]byte, 5)
		if _, err := io.ReadFull(far, b); err != nil || string(b) != "asked" {
			t.Errorf("got %q, %v, want what the node was asked", b, err)
		}
		Leave(ctx)
		engine.Start(Pair{Client: conn, Node: far, Head: []byte("head "), Options: Options{Stall: patience, Close: patience}, Owner: &owner{ended: ended}})
		return nil
	})
	accepting(l)
	far := dialTo(t, l)
	get(t, "client", far, []byte("head "))
	far.Close()
	if end := within(t, "the end", ended); end.By != ByClient {
		t.Errorf("got %+v, want an end by the client", end)
	}
	l.Close()
	engine.Wait()
}

// With pauses, goroutines and deadlines between all steps, on two shards.
func TestAThousandFirstsAtOnce(t *testing.T) {
	engine := New(2)
	var number atomic.Int64
	l, err := engine.Listener(listening(t), Incoming{First: func(ctx context.Context, conn net.Conn) net.Conn {
		n := number.Add(1)
		if n%3 == 0 {
			Aside(ctx)
		}
		_ = conn.SetReadDeadline(time.Now().Add(time.Duration(n%3) * time.Millisecond))
		b := make([]byte, 1)
		read, err := conn.Read(b)
		_ = conn.SetReadDeadline(time.Time{})
		if n%2 == 0 {
			_ = Pause(ctx, time.Duration(n%5)*time.Millisecond)
		}
		if n%5 == 0 {
			Aside(ctx)
		}
		if err == nil {
			conn.Write(b[:read])
		}
		if n%7 == 0 {
			return conn
		}
		return echoOnce(ctx, conn)
	}})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for conn := range accepting(l) {
			go echoOnce(t.Context(), conn)
		}
	}()
	clients := make(chan string, 50)
	for worker := range cap(clients) {
		go func() {
			for range 20 {
				clients <- sayTwice(l, worker)
			}
		}()
	}
	for range 1000 {
		if wrong := within(t, "a client", clients); wrong != "" {
			t.Error(wrong)
		}
	}
	l.Close()
	engine.Wait()
}

// sayTwice is what is wrong with what a client gets for two bytes that it sends apart.
func sayTwice(l net.Listener, worker int) string {
	far, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return err.Error()
	}
	defer far.Close()
	_ = far.SetDeadline(time.Now().Add(patience))
	io.WriteString(far, "a")
	if worker%2 == 0 {
		time.AfterFunc(time.Millisecond, func() { io.WriteString(far, "b") })
	} else {
		io.WriteString(far, "b")
	}
	got, err := io.ReadAll(far)
	if s := string(got); errors.Is(err, os.ErrDeadlineExceeded) || s != "" && s != "a" && s != "ab" && s != "b" {
		return fmt.Sprintf("got %q, %v, want some of what was sent, and an end", got, err)
	}
	return ""
}
