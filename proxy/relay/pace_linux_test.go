package relay

import (
	"runtime"
	"testing"
	"time"
)

func TestShardsAreBusyWhileTheyOftenHaveSomethingToDo(t *testing.T) {
	p := newPace()
	now := p.began
	for _, c := range []struct {
		what   string
		rounds int
		long   time.Duration
		busy   bool
	}{
		{"little comes", many - 1, stretch, false},
		{"much comes", many, stretch, true},
		{"less comes, which is not worth a change", few, stretch, true},
		{"little comes", few - 1, stretch, false},
		{"less comes, which is not worth a change", many - 1, stretch, false},
		{"much came in a long time", 5 * many, 10 * stretch, false},
	} {
		for range c.rounds {
			p.next(now, true)
		}
		now = now.Add(c.long)
		if busy := p.next(now, false); busy != c.busy {
			t.Errorf("%s: got busy %t after %d rounds in %v, want %t", c.what, busy, c.rounds, c.long, c.busy)
		}
	}
}

func TestShardsMakeWayForATakeOver(t *testing.T) {
	p := newPace()
	p.since.Store(int64(time.Hour)) // no stretch ends
	p.busy.Store(true)
	p.makeWay(p.began)
	for after, want := range map[time.Duration]bool{0: false, moment - 1: false, moment: true} {
		if busy := p.next(p.began.Add(after), true); busy != want {
			t.Errorf("%v later: got busy %t, want %t", after, busy, want)
		}
	}
	p.since.Store(0)
	for range 100 {
		p.next(p.began, true)
	}
	p.next(p.began.Add(stretch), true)
	if p.busy.Load() {
		t.Error("got busy shards after a stretch, want none, so that all are woken when they are")
	}
}

func TestAShardThatIsParkedNoticesThatOthersAreBusy(t *testing.T) {
	e := New(2).(*Epoll)
	p := e.shards[0].pace
	p.since.Store(int64(time.Hour)) // no stretch ends meanwhile, however slow the machine is
	for _, s := range e.shards {
		if err := s.enter(); err != nil {
			t.Fatal(err)
		}
		defer s.leave()
	}
	p.change(many)
	for end := time.Now().Add(patience); p.rounds.Load() < 2; runtime.Gosched() { // each has one, as both were woken
		if time.Now().After(end) {
			t.Fatalf("got %d shards that were woken, want 2", p.rounds.Load())
		}
	}
}
