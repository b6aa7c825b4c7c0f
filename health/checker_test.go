package health

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}

func TestTheFirstCheckIsAtOnceAndDecides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{err: errors.New("no pong in 1s")}
		node.check(t, Options{Interval: 2 * time.Second, Timeout: time.Second, Rise: 3, Fall: 3})
		node.wantResults(t, Result{Changed: true, Reason: "no pong in 1s", Fault: FaultBadAnswer})
	})
}

func TestReasonsSayHowFarTheNextVerdictIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{}
		node.check(t, Options{Interval: 2 * time.Second, Timeout: time.Second, Rise: 2, Fall: 2})
		node.fails(errors.New("no greeting"))
		pass(4 * time.Second) // two checks more, however the jitter falls
		node.fails(nil)
		pass(3 * time.Second) // and two
		node.wantResults(t,
			Result{Up: true, Changed: true, Reason: "fine", Passed: true},
			Result{Up: true, Reason: "failed 1 of 2: no greeting"},
			Result{Changed: true, Reason: "no greeting", Fault: FaultBadAnswer},
			Result{Reason: "passed 1 of 2: fine", Passed: true, Fault: FaultBadAnswer},
			Result{Up: true, Changed: true, Reason: "fine", Passed: true},
		)
	})
}

func TestANodeThatListensAgainIsUpInLessThanASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{}
		node.check(t, Options{Interval: 2 * time.Second, Timeout: time.Second, Rise: 2, Fall: 2})
		node.fails(errNobodyListens)
		pass(time.Minute)
		node.fails(nil)
		pass(900 * time.Millisecond)
		if last := node.results[len(node.results)-1]; !last.Up || !last.Changed {
			t.Errorf("got %+v, want that it is up", last)
		}
		if checks := len(node.starts); checks > 180 {
			t.Errorf("got %d checks in a minute, want five an interval", checks)
		}
	})
}

func TestACheckThatFailsForWantOfOurOwnSaysNothingOfTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS, syscall.ENOMEM} {
			short := dialError(&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("socket", errno)}, time.Second)
			node := &fakeNode{}
			stop := node.check(t, Options{Interval: 2 * time.Second, Timeout: time.Second, Rise: 2, Fall: 2})
			node.fails(short)
			pass(5 * time.Second)
			node.fails(nil)
			pass(500 * time.Millisecond) // the next one comes soon
			stop(errors.New("seen"))
			last := len(node.results) - 1
			for i, r := range node.results {
				if skipped := i > 0 && i < last; skipped != (r.Skipped != nil) || !skipped && !r.Up || i > 0 && r.Changed {
					t.Errorf("%v: result %d of %d: got %+v, want a node that stays up, and checks skipped in between", errno, i, last, r)
				}
			}
			if last < 5 {
				t.Errorf("%v: got %d results, want a check each fifth of the interval", errno, last+1)
			}
		}
	})
}

func TestAnAddressThatThisMachineHasNoWayToIsANodeThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{err: dialError(os.NewSyscallError("connect", syscall.EADDRNOTAVAIL), time.Second)}
		node.check(t, Options{Interval: 2 * time.Second, Timeout: time.Second, Rise: 2, Fall: 2})
		node.wantResults(t, Result{Changed: true, Reason: "dial: cannot assign requested address", Fault: FaultUnreachable})
	})
}

func TestChecksAreAnIntervalApartGiveOrTakeATenth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{takes: 500 * time.Millisecond}
		node.check(t, Options{Interval: 2 * time.Second, Timeout: time.Second})
		pass(20 * time.Minute)

		gaps := map[time.Duration]bool{}
		for i, at := range node.starts[1:] {
			gap := at.Sub(node.starts[i])
			if gap < 1800*time.Millisecond || gap > 2200*time.Millisecond {
				t.Fatalf("got %v between two checks, want 2s ± 10%%", gap)
			}
			gaps[gap] = true
		}
		if len(node.starts) < 500 || len(gaps) < len(node.starts)/2 {
			t.Errorf("got %d checks with %d gaps, want about 600 and as many", len(node.starts), len(gaps))
		}
	})
}

func TestAFrozenNodeIsDownWithinFallTimesTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 50 { // jitters
			node := &fakeNode{}
			stop := node.check(t, Options{Interval: 2 * time.Second, Timeout: 800 * time.Millisecond, Rise: 2, Fall: 2})
			pass(100 * time.Millisecond)
			node.freezes()
			pass(4 * time.Second)
			stop(errors.New("seen"))
			node.wantResults(t,
				Result{Up: true, Changed: true, Reason: "fine", Passed: true},
				Result{Up: true, Reason: "failed 1 of 2: context deadline exceeded", Took: 800 * time.Millisecond},
				Result{Changed: true, Reason: "context deadline exceeded", Fault: FaultBadAnswer, Took: 800 * time.Millisecond},
			)
		}
	})
}

func TestACheckEndsWhenItsTimeIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{takes: time.Hour}
		node.check(t, Options{Interval: 2 * time.Second, Timeout: time.Second})
		pass(1500 * time.Millisecond)
		node.wantResults(t, Result{Changed: true, Reason: "context deadline exceeded", Took: time.Second, Fault: FaultBadAnswer})
	})
}

func TestStoppingEndsACheckAndReportsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{takes: time.Hour}
		stop := node.check(t, Options{Interval: 2 * time.Second, Timeout: time.Second})
		why := errors.New("reloaded")
		if got := stop(why); got != why {
			t.Errorf("Run returned %v, want %v", got, why)
		}
		node.wantResults(t)
	})
}

func TestADeadNodeIsDownAsSoonAsAClientCannotDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{}
		node.check(t, Options{Interval: 2 * time.Second, Timeout: time.Second, Rise: 2, Fall: 2})
		pass(100 * time.Millisecond)
		died := time.Now()
		node.fails(errors.New("dial refused"))
		node.checker.DialFailed(errRefused)
		pass(time.Nanosecond)
		node.wantResults(t,
			Result{Up: true, Changed: true, Reason: "fine", Passed: true},
			Result{Up: true, Reason: "failed 1 of 2: dial refused", Refused: true},
			Result{Changed: true, Reason: "dial refused", Fault: FaultBadAnswer},
		)
		if last := node.starts[len(node.starts)-1]; !last.Equal(died) {
			t.Errorf("the next check was %v after the dial, want at once", last.Sub(died))
		}
	})
}

func TestHundredsOfFailedDialsMakeHardlyAnyCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{}
		node.check(t, Options{Interval: 2 * time.Second, Timeout: time.Second, Rise: 2, Fall: 2})
		var clients sync.WaitGroup
		for range 500 {
			clients.Go(func() { node.checker.DialFailed(errRefused) })
		}
		clients.Wait()
		pass(time.Second)
		// The first one, one at once, and one for those that failed meanwhile.
		if got := len(node.starts); got < 2 || got > 3 {
			t.Errorf("got %d checks, want 2 or 3", got)
		}
		if slices.ContainsFunc(node.results, func(r Result) bool { return !r.Up }) {
			t.Errorf("a node that passes its checks went down: %+v", node.results)
		}
	})
}

func TestDialsThatKeepFailingDoNotMakeABusyLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{}
		node.check(t, Options{Interval: 2 * time.Second, Timeout: time.Second, Rise: 2, Fall: 2})
		for range 10_000 {
			node.checker.DialFailed(errRefused)
			pass(time.Millisecond)
		}
		if got := len(node.starts); got < 40 || got > 60 {
			t.Errorf("got %d checks in 10 s, want about ten in an interval of 2 s", got)
		}
	})
}

func TestADialThatFailedBeforeTheFirstCheckDoesNotDecide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{takes: time.Millisecond}
		node.check(t, Options{Interval: 2 * time.Second, Timeout: time.Second, Rise: 2, Fall: 2})
		node.checker.DialFailed(errRefused)
		pass(time.Second)
		node.wantResults(t,
			Result{Up: true, Changed: true, Reason: "fine", Passed: true, Took: time.Millisecond},
			Result{Up: true, Reason: "failed 1 of 2: dial refused", Refused: true},
			Result{Up: true, Reason: "fine", Passed: true, Took: time.Millisecond},
		)
	})
}

func TestADialThatFailedBeforeACheckDoesNotCountAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{takes: time.Millisecond}
		node.check(t, Options{Interval: 2 * time.Second, Timeout: time.Second, Rise: 1, Fall: 1})
		pass(time.Second)
		node.checker.DialFailed(errRefused)
		synctest.Wait()
		node.checker.DialFailed(errRefused) // another client's
		pass(2 * time.Second)
		node.wantResults(t,
			Result{Up: true, Changed: true, Reason: "fine", Passed: true, Took: time.Millisecond},
			Result{Changed: true, Reason: "dial refused", Refused: true, Fault: FaultRefused},
			Result{Up: true, Changed: true, Reason: "fine", Passed: true, Took: time.Millisecond},
		)
	})
}

func TestADialToADownNodeDoesNotHurryTheNextCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{err: errors.New("no pong in 1s")}
		node.check(t, Options{Interval: 2 * time.Second, Timeout: time.Second, Rise: 2, Fall: 2})
		node.checker.DialFailed(errRefused)
		pass(time.Second)
		node.wantResults(t,
			Result{Changed: true, Reason: "no pong in 1s", Fault: FaultBadAnswer},
			Result{Reason: "dial refused", Refused: true, Fault: FaultRefused},
		)
	})
}

func TestACancelledDialDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{}
		node.check(t, Options{Interval: 2 * time.Second, Timeout: time.Second, Rise: 1, Fall: 1})
		node.checker.DialFailed(&net.OpError{Op: "dial", Err: context.Canceled})
		node.wantResults(t, Result{Up: true, Changed: true, Reason: "fine", Passed: true})
	})
}

// pass lets so much of the bubble's time go by.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// fakeNode is a node without a socket: its check takes so long, and fails with
// err unless that is nil. For use in a bubble, where synctest.Wait makes the
// fields safe to read.
type fakeNode struct {
	checker *Checker
	loop    time.Duration
	results []Result

	mu     sync.Mutex
	starts []time.Time // of the checks; read with checks while they go on
	takes  time.Duration
	err    error
	silent bool // it takes connections, and answers nothing
}

// checks is when each check began, so far.
func (n *fakeNode) checks() []time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.starts)
}

// check runs a checker until stop is called or the test ends; the first check
// has then begun.
func (n *fakeNode) check(t *testing.T, o Options) (stop func(why error) error) {
	t.Helper()
	n.checker = New(Place{}, o, func(r Result) { n.results = append(n.results, r) })
	n.checker.probe, n.checker.answers = n.probe, n.answer
	ctx, cancel := context.WithCancelCause(t.Context())
	var err error
	var running sync.WaitGroup
	running.Go(func() { err = n.checker.Run(ctx) })
	stop = func(why error) error {
		cancel(why)
		running.Wait()
		return err
	}
	t.Cleanup(func() { stop(nil) })
	synctest.Wait()
	return stop
}

func (n *fakeNode) probe(ctx context.Context) (finding, error) {
	n.mu.Lock()
	n.starts = append(n.starts, time.Now())
	takes, err := n.takes, n.err
	n.mu.Unlock()
	if takes > 0 {
		select {
		case <-time.After(takes):
		case <-ctx.Done():
			return finding{}, ctx.Err()
		}
	}
	return finding{"fine", n.loop}, err
}

// answer is the probe that waits for an answer.
func (n *fakeNode) answer(ctx context.Context) (finding, error) {
	n.mu.Lock()
	silent := n.silent
	n.mu.Unlock()
	if silent {
		<-ctx.Done()
		return finding{}, faulty{errors.New("no answer in 1s"), FaultNoAnswer}
	}
	_, err := n.probe(ctx)
	return finding{said: "it answers"}, err
}

func (n *fakeNode) setSilent(silent bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.silent = silent
}

func (n *fakeNode) freezes() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.takes = time.Hour
}

func (n *fakeNode) fails(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.err = err
}

func (n *fakeNode) wantResults(t *testing.T, want ...Result) {
	t.Helper()
	synctest.Wait()
	if !slices.Equal(n.results, want) {
		t.Errorf("reported\n%+v, want\n%+v", n.results, want)
	}
}

func TestADialThatTimedOutOnlyBringsTheCheckForward(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{}
		node.check(t, Options{Interval: 2 * time.Second, Timeout: time.Second, Rise: 1, Fall: 1})
		pass(100 * time.Millisecond)
		node.checker.DialFailed(&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded})
		pass(time.Nanosecond)
		node.wantResults(t,
			Result{Up: true, Changed: true, Reason: "fine", Passed: true},
			Result{Up: true, Reason: "fine", Passed: true},
		)
	})
}

func TestHowLongTheNodeTookToAnswerIsReportedOfChecksThatPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{takes: 5 * time.Millisecond, loop: 3 * time.Millisecond}
		node.check(t, Options{Interval: 2 * time.Second, Timeout: time.Second, Rise: 1, Fall: 1})
		pass(time.Second)
		node.fails(errors.New("no pong in 1s"))
		pass(2 * time.Second)
		node.wantResults(t,
			Result{Up: true, Changed: true, Reason: "fine", Passed: true, Took: 5 * time.Millisecond, Loop: 3 * time.Millisecond},
			Result{Changed: true, Reason: "no pong in 1s", Fault: FaultBadAnswer, Took: 5 * time.Millisecond},
		)
	})
}

func TestACheckIsBroughtForwardWhenAnotherNodeBeginsToFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{}
		node.check(t, Options{Interval: 2 * time.Second, Timeout: time.Second, Rise: 2, Fall: 2})
		pass(500 * time.Millisecond)
		asked := time.Now()
		for range 100 {
			node.checker.Hurry()
		}
		pass(time.Nanosecond)
		if got := node.checks()[1]; !got.Equal(asked) {
			t.Errorf("got a check after %v, want one at once", got.Sub(asked))
		}
		pass(500 * time.Millisecond)
		if got := len(node.checks()); got > 3 {
			t.Errorf("got %d checks, want 3 at most, however often it is asked for", got)
		}
	})
}

func TestAskingForChecksAllTheTimeGetsTenAnInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{}
		node.check(t, Options{Interval: 2 * time.Second, Timeout: time.Second, Rise: 2, Fall: 2})
		for range 10_000 {
			node.checker.Hurry()
			pass(time.Millisecond)
		}
		if got := len(node.checks()); got < 40 || got > 60 {
			t.Errorf("got %d checks in 10 s, want about ten in an interval of 2 s", got)
		}
	})
}

func TestANodeThatFailsIsNotCheckedMoreOftenBecauseAnotherDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{}
		node.check(t, Options{Interval: 2 * time.Second, Timeout: time.Second, Rise: 2, Fall: 3})
		node.fails(errors.New("no pong in 1s"))
		pass(2200 * time.Millisecond) // it has failed once or twice by now
		before := len(node.checks())
		node.checker.Hurry()
		pass(time.Nanosecond)
		if got := len(node.checks()); got != before {
			t.Errorf("got %d checks at once, want none: fall counts checks that are apart", got-before)
		}
		pass(time.Minute) // it is down
		before = len(node.checks())
		node.checker.Hurry()
		pass(time.Nanosecond)
		if got := len(node.checks()); got != before {
			t.Errorf("got %d checks of a node that is down at once, want none", got-before)
		}
	})
}
