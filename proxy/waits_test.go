package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"fermata/balancer"
	"fermata/proxy/moves"
	"fermata/proxy/relay"
)

// nodeSaying is the connection to a node that says that, once it is asked, and then nothing.
func nodeSaying(t *testing.T, says string) net.Conn {
	t.Helper()
	ours, node := net.Pipe()
	t.Cleanup(func() {
		ours.Close()
		node.Close()
	})
	go func() {
		node.Read(make([]byte, 1))
		node.Write([]byte(says))
	}()
	return ours
}

// askNode has a node say that, and then nothing, and returns how the upgrade ends.
func askNode(t *testing.T, ctx context.Context, says string) error {
	t.Helper()
	_, err := asking(read(t, "GET / HTTP/1.1", "Host: a"), time.Second).exchange(ctx, nodeSaying(t, says))
	return err
}

func TestOnlyANodeThatSendsNothingInItsTimeHasNotAnswered(t *testing.T) {
	f := func(says string, want bool) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			if err := askNode(t, t.Context(), says); err == nil || errors.Is(err, errNoAnswer) != want {
				t.Errorf("%q: got %v, want no answer %v", says, err, want)
			}
		})
	}
	f("", true)
	f("HTTP/1.1 101 Switching", false)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond) // the client has gone
		defer cancel()
		if err := askNode(t, ctx, ""); errors.Is(err, errNoAnswer) {
			t.Errorf("got %v, want that the node has still time", err)
		}
	})
}

// A node that had less than its own time is only looked at, see noteUnanswered.
func TestANodeHasNotFailedAnUpgradeThatCanWaitNoLonger(t *testing.T) {
	f := func(says string, want error) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			r := read(t, "GET /app/key HTTP/1.1", "Host: a", "Sec-WebSocket-Key: "+goodKey)
			u := asking(r, time.Minute)
			u.options.AwaitGreeting, u.by = true, time.Now().Add(time.Second)
			began := time.Now()
			a, err := u.exchange(t.Context(), nodeSaying(t, says))
			if !errors.Is(err, want) || errors.Is(err, errNoAnswer) || (a != nil) != (want == errSilent) || time.Since(began) != time.Second {
				t.Errorf("%q: got %v, %v after %v, want %v after a second", says, a, err, time.Since(began), want)
			}
		})
	}
	f("", context.DeadlineExceeded)
	f("HTTP/1.1 101 Switching", context.DeadlineExceeded)
	f("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: "+acceptKey(goodKey)+"\r\n\r\n", errSilent)
}

func TestAnUpgradeThatBeginsToWaitAfterAStopDoesNotWait(t *testing.T) {
	h := handlerOf(poolOf(1))
	h.Stop(moves.Move{By: relay.ByShutdown, Code: 4100})
	u := &upgrade{client: &client{}, h: h, r: read(t, "GET / HTTP/1.1", "Host: a")}
	ctx, over := u.waitFor(nil)
	defer over()
	if got := context.Cause(ctx); !errors.Is(got, errStopping) {
		t.Errorf("got %v, want %v", got, errStopping)
	}
}

func TestWhoWaitsForAnotherNodeWaitsOn(t *testing.T) {
	h := handlerOf(poolOf(2))
	u := &upgrade{client: &client{}, h: h, r: read(t, "GET / HTTP/1.1", "Host: a")}
	nodes := h.pool.Nodes()
	ctx, over := u.waitFor(nodes[0].Node)
	h.GiveUp(nodes[1].Node)
	if ctx.Err() != nil {
		t.Errorf("got %v, want a wait", context.Cause(ctx))
	}
	over()
	if got := len(h.waits.all); got != 0 {
		t.Errorf("got %d waits, want none", got)
	}
}

func TestAnUpgradeThatWaitsForItsTurnGoesOnWhenItsNodeGoesDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := handlerOf(poolOf(1))
		h.engine = deadEnd{err: syscall.ECONNREFUSED}
		o := *h.options.Load()
		o.Limits.UpgradesPerSecond = 1
		n := h.pool.Nodes()[0].Node
		u := &upgrade{client: &client{options: &o}, h: h, r: read(t, "GET / HTTP/1.1", "Host: a"), by: inTime()}
		u.tryWhileUp(n) // takes the turn of this second
		began := time.Now()
		ended := make(chan error)
		go func() {
			_, err := u.tryWhileUp(n)
			ended <- err
		}()
		synctest.Wait()
		h.GiveUp(n)
		err := <-ended
		if !errors.Is(err, errNodeDown) || time.Since(began) > 0 {
			t.Errorf("got %v after %v, want %v at once", err, time.Since(began), errNodeDown)
		}
		if got := result(nil, err); got != "timeout" {
			t.Errorf("got %s, want timeout", got)
		}
		_, err = u.tryWhileUp(n)
		if !errors.As(err, new(*dialError)) {
			t.Errorf("the next one: got %v, want that it is tried", err)
		}
	})
}

func TestWhatANodeLeavesWithoutAnAnswerIsToldOnce(t *testing.T) {
	h := handlerOf(poolOf(1))
	unanswered, waiting := 0, 0
	h.unanswered, h.waiting = func(string) { unanswered++ }, func(string) { waiting++ }
	f := func(err error, wantUnanswered, wantWaiting int) {
		t.Helper()
		unanswered, waiting = 0, 0
		h.noteUnanswered(h.pool.Nodes()[0].Node, err)
		if unanswered != wantUnanswered || waiting != wantWaiting {
			t.Errorf("%v: told of %d and %d, want %d and %d", err, unanswered, waiting, wantUnanswered, wantWaiting)
		}
	}
	f(nil, 0, 0)
	f(errNoAnswer, 1, 0)
	f(context.DeadlineExceeded, 0, 1)
	f(context.Canceled, 0, 0)
	f(errNodeDown, 0, 0)
	f(balancer.ErrNoUsableNode, 0, 0)
}

func TestAPlainRequestWhoseNodeGoesDownDuringItsDialGoesToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := handlerOf(poolOf(2))
		h.engine = deadEnd{err: syscall.ECONNREFUSED}
		over, end := context.WithCancel(t.Context())
		h.dialFailed = func(name string, _ error) {
			n, _ := h.pool.Node(name)
			h.GiveUp(n.Node)
			<-over.Done() // the request hears of it before its dial's error
		}
		o := *h.options.Load()
		o.Limits.MaxHeaderBytes = 1000
		c, r := &client{options: &o}, read(t, "GET http://node/up HTTP/1.1", "Host: a")
		_, err := (&nodes{h, newTransport(h)}).RoundTrip(withClient(r, c))
		end()
		if c.tries != 2 || !errors.Is(err, balancer.ErrNoUsableNode) || errors.Is(err, context.Canceled) {
			t.Errorf("got %v after %d tries, want %v after one at each of two nodes", err, c.tries, balancer.ErrNoUsableNode)
		}
		if status, _ := plainFault(err, c.options); status != 503 {
			t.Errorf("got %d, want 503", status)
		}
	})
}

// It may have published by then, and must not do so twice.
func TestAPlainRequestThatItsNodeHasGotGoesToNoOtherWhenThatGoesDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all []balancer.NodeOptions
		for _, host := range []string{"192.0.2.1:80", "192.0.2.2:80"} {
			all = append(all, balancer.NodeOptions{Name: host, URL: balancer.URL{Host: host}, Weight: 1})
		}
		h := handlerOf(balancer.New(all, balancer.DefaultSticky()))
		got := make(chan string, 2)
		h.engine = &hooked{dial: func(_ context.Context, address string) (net.Conn, error) {
			ours, node := net.Pipe()
			go func() {
				defer node.Close()
				node.Read(make([]byte, 1))
				got <- address
				io.Copy(io.Discard, node)
			}()
			return ours, nil
		}}
		o := *h.options.Load()
		o.Limits.MaxHeaderBytes = 1000
		c, r := &client{options: &o}, read(t, "GET http://node/up HTTP/1.1", "Host: a")
		ended := make(chan error, 1)
		go func() {
			_, err := (&nodes{h, newTransport(h)}).RoundTrip(withClient(r, c))
			ended <- err
		}()
		<-got
		for _, n := range h.pool.Nodes() {
			h.GiveUp(n.Node)
		}
		if err := <-ended; !errors.Is(err, errNodeDown) || c.tries != 1 || len(got) > 0 {
			t.Errorf("got %v after %d tries, want %v after one", err, c.tries, errNodeDown)
		}
	})
}
