package health

import (
	"context"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"fermata/internal/lab/port"
)

func TestANodeThatConnectsAndAnswersNothingIsDownUntilItAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{}
		node.check(t, Options{Interval: 2 * time.Second, Timeout: time.Second, Rise: 2, Fall: 2})
		pass(100 * time.Millisecond)
		node.setSilent(true)
		node.checker.Unanswered()
		pass(time.Minute) // in which it would connect thirty times
		node.setSilent(false)
		pass(4 * time.Second)
		node.wantFirst(t,
			Result{Up: true, Changed: true, Reason: "fine", Passed: true},
			Result{Up: true, Reason: "failed 1 of 2: a client got no answer"},
			Result{Changed: true, Reason: "no answer in 1s", Fault: FaultNoAnswer, Took: time.Second},
			Result{Reason: "no answer in 1s", Fault: FaultNoAnswer, Took: time.Second},
		)
		changes := 0
		for _, r := range node.results {
			if r.Changed {
				changes++
			}
		}
		if last := node.results[len(node.results)-1]; changes != 3 || !last.Up {
			t.Errorf("got %d changes and %+v in the end, want 3 (up, down, up) and that it is up", changes, last)
		}
	})
}

func TestANodeThatAnswersIsUpWhateverOneRequestMet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{}
		node.check(t, Options{Interval: 2 * time.Second, Timeout: time.Second, Rise: 2, Fall: 2})
		pass(100 * time.Millisecond)
		node.checker.Unanswered()
		pass(time.Nanosecond)
		node.wantResults(t,
			Result{Up: true, Changed: true, Reason: "fine", Passed: true},
			Result{Up: true, Reason: "failed 1 of 2: a client got no answer"},
			Result{Up: true, Reason: "it answers", Passed: true},
		)
	})
}

func TestARequestThatWaitsForLongOnlyAsksTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{}
		node.check(t, Options{Interval: 2 * time.Second, Timeout: time.Second, Rise: 2, Fall: 1})
		pass(100 * time.Millisecond)
		node.checker.Suspect()
		pass(3 * time.Second)
		node.wantResults(t,
			Result{Up: true, Changed: true, Reason: "fine", Passed: true},
			Result{Up: true, Reason: "it answers", Passed: true},
			Result{Up: true, Reason: "fine", Passed: true}, // it is not suspected any more
		)
	})
}

func TestASuspicionOutlivesACheckThatOnlyConnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{takes: 100 * time.Millisecond}
		node.check(t, Options{Interval: 2 * time.Second, Timeout: time.Second, Rise: 2, Fall: 2})
		node.setSilent(true)
		node.checker.Suspect() // during the first check, which passes
		pass(5 * time.Second)
		if last := node.results[len(node.results)-1]; last.Up {
			t.Errorf("got %+v, want it down: it answers nothing", last)
		}
	})
}

// wantFirst looks at the first results alone.
func (n *fakeNode) wantFirst(t *testing.T, want ...Result) {
	t.Helper()
	for i, r := range want {
		if i >= len(n.results) || n.results[i] != r {
			t.Errorf("result %d: got %+v, want %+v", i, n.results[min(i, len(n.results)-1)], r)
		}
	}
}

func TestAnyAnswerIsASignOfLife(t *testing.T) {
	alive := func(text string) {
		t.Helper()
		found, err := signOfLifeProbe(at(answer(t, text)), Default())(t.Context())
		if err != nil {
			t.Errorf("%q: got %v, want that it passes", text, err)
		}
		if found.said == "" {
			t.Errorf("%q: got nothing said", text)
		}
	}
	alive("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	alive("HTTP/1.1 404 Not Found\r\n\r\n")
	alive("HTTP/1.1 500 Oops\r\n\r\n")
	alive("SSH-2.0\r\n")
	alive("") // it hangs up
}

func TestSilenceIsNoSignOfLife(t *testing.T) {
	o := Default()
	o.Timeout = limit
	ctx, giveUp := context.WithCancel(t.Context())
	silent := listen(t, func(conn net.Conn) {
		readRequest(conn)
		giveUp()
		readRequest(conn)
	})
	if _, err := signOfLifeProbe(at(silent), o)(ctx); err == nil || faultOf(err) != FaultNoAnswer {
		t.Errorf("got %v, want no answer", err)
	}
	if _, err := signOfLifeProbe(at(port.Reserve(t)), o)(t.Context()); err == nil || faultOf(err) != FaultRefused {
		t.Errorf("got %v, want refused", err)
	}
}

func TestOnlyChecksOverTCPNeedAnotherToWaitForAnAnswer(t *testing.T) {
	o := Default()
	o.Timeout = limit
	down := answer(t, "HTTP/1.1 503 Service Unavailable\r\n\r\n")
	f := func(kind string, wantAlive bool) {
		t.Helper()
		o.Type = kind
		if _, err := answeringProbe(at(down), o)(t.Context()); (err == nil) != wantAlive {
			t.Errorf("%s: got %v, want alive %v", kind, err, wantAlive)
		}
	}
	f(TypeTCP, true)
	f(TypeHTTP, false)
	answers := func(address string, want bool) {
		t.Helper()
		if got := New(at(address), o, nil).Answers(t.Context()); got != want {
			t.Errorf("got answers %v, want %v", got, want)
		}
	}
	answers(down, false)
	answers(answer(t, fmt.Sprintf("HTTP/1.1 %d OK\r\n\r\n", o.HTTP.Status)), true)
}
