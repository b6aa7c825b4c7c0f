package proxy

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"fermata/internal/metrics"
	"fermata/proxy/moves"
	"fermata/proxy/relay"
	"fermata/proxy/session"
)

// joined is a client with a session that came an hour ago.
func joined(t *testing.T, h *Handler, now time.Time) *sessionClient {
	t.Helper()
	h.change(func(o *Options) {
		o.Apps, o.Session = []session.App{knownApp}, DefaultSession()
		o.Session.OnLoss = LossMove
	})
	s := upgradeTo(t, appTarget)
	s.handler, s.live.Since = h, now.Add(-time.Hour)
	s.pick.Node = h.pool.Nodes()[0].Node
	s.session = *session.New(&h.options.Load().Apps[0], "1.2", session.Options{MaxSubscriptions: 10, Counts: h.subs.of(&knownApp)})
	return s
}

func TestASessionThatKeepsLosingItsNodeAtOnceIsMadeAnewFourTimes(t *testing.T) {
	now := time.Now()
	s := joined(t, handlerOf(poolOf(1)), now)
	f := func(what string, had time.Duration, want bool) {
		t.Helper()
		s.at = time.Hour - had
		if got := s.canRestore(now); got != want {
			t.Errorf("%s: got made anew %v, want %v", what, got, want)
		}
	}
	hasty := youngSession - time.Nanosecond
	for range mostHasty {
		f("a node that it has just got", hasty, true)
	}
	f("once more", hasty, false)
	f("one that it had for a while", youngSession, true)
	for range mostHasty {
		f("from the beginning", 0, true)
	}
	f("once more", 0, false)
}

func TestSessionsOfALostNodeAreMadeAnewAFewAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r restorations
		var running, most, done atomic.Int64
		restore := func(held) {
			most.Store(max(most.Load(), running.Add(1)))
			time.Sleep(time.Second)
			running.Add(-1)
			done.Add(1)
		}
		for range 2 {
			began := time.Now()
			for range 2 * mostRestored {
				r.add(nil, restore)
			}
			r.running.Wait()
			if took := time.Since(began); most.Load() != mostRestored || took != 2*time.Second {
				t.Errorf("got %d at a time, all after %v, want %d, after two seconds", most.Load(), took, mostRestored)
			}
		}
		if r.workers != 0 || done.Load() != 4*mostRestored {
			t.Errorf("got %d workers left and %d made anew, want none and all", r.workers, done.Load())
		}
	})
}

func TestNodesThatShareNoRedisAreSpokenOfOnceAndLeftAloneForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.WarnLevel)
		h := New(Options{}, Deps{Pool: poolOf(1), Engine: relay.New(1), Metrics: metrics.New(prometheus.NewRegistry()), Log: zap.New(core)})
		s := joined(t, h, time.Now())
		for range 3 {
			h.noteTransfer(s, failed(moves.NoSharedBus, errNoBus), time.Second)
			h.noteTransfer(s, failed(moves.Timeout, errGone), time.Second)
		}
		if got := logs.Len(); got != 1 {
			t.Errorf("got %d lines, want one", got)
		}
		now := time.Now()
		f := func(after time.Duration, want bool) {
			t.Helper()
			if got := h.lacksBus(now.Add(after)); got != want {
				t.Errorf("after %v: got that they lack it %v, want %v", after, got, want)
			}
		}
		f(0, true)
		f(withoutBus-1, true)
		f(withoutBus, false)
		h.noteTransfer(s, nil, time.Second)
		f(0, false)
	})
}

func TestOneMoveOfASessionWaitsForTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := joined(t, handlerOf(poolOf(1)), time.Now())
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		take := func(what string, want bool, wantResult string) {
			t.Helper()
			taken, err := s.takeTurn(ctx)
			result := ""
			if not, ok := errors.AsType[*moves.NotMoved](err); ok {
				result = not.Result
			}
			if taken != want || result != wantResult {
				t.Errorf("%s: got the turn %v and %v, want %v and %q", what, taken, err, want, wantResult)
			}
		}
		take("nobody has it", true, "")
		time.AfterFunc(time.Second, s.turn.Unlock)
		take("it becomes free", true, "")
		s.held.Store(true)
		take("its node is lost", false, "")
		s.held.Store(false)
		s.ended.Store(true)
		take("it has gone", false, moves.Gone)
		s.ended.Store(false)
		take("it takes too long", false, moves.Timeout)
	})
}

func TestAMoveWhoseNodeEndsInTheMiddleClosesNobodyThatIsMadeAnew(t *testing.T) {
	f := func(what string, ends bool, want string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			var s *sessionClient
			h, _ := searching(t, func(context.Context, string) (net.Conn, error) {
				s.held.Store(ends)
				return nil, syscall.ECONNREFUSED
			})
			s = joined(t, h, time.Now())
			err, got := s.Transfer(t.Context(), s.pick.Node, false), ""
			if not, ok := errors.AsType[*moves.NotMoved](err); ok {
				got = not.Result
			}
			if got != want || (err != nil) != (want != "") {
				t.Errorf("%s: got %v, want %q", what, err, want)
			}
		})
	}
	f("no other node", false, moves.NoNode)
	f("its node has ended", true, "")
}
