package cluster

import (
	"sync/atomic"
	"testing"
	"time"
)

func quota(t *testing.T, p *process) int {
	t.Helper()
	clients, known := p.View().Quota("r1")
	if !known {
		t.Errorf("%s: got no quota, want one", p.name)
	}
	return clients
}

func TestMembersShareWhatIsFreeOfANode(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		all := start(t, s, 90, nodes, "a", "b", "c")
		for _, p := range all {
			if got := quota(t, p); got < 28 || got > 30 {
				t.Errorf("%s: got a quota of %d, want about 30 of 90", p.name, got)
			}
		}
		if got := all[0].pool.come("r1", 50); got > 30 {
			t.Errorf("got %d clients at once, want at most its third", got)
		}
		for range 40 { // the others have no clients
			all[0].pool.come("r1", 90)
			passes(500 * time.Millisecond)
		}
		if got := all[0].pool.uses("r1"); got < 88 || got > 90 {
			t.Errorf("got %d clients after 20 s, want all 90, but for one for each other member", got)
		}
		all[0].pool.leave("r1", 60)
		passes(20 * time.Second)
		for _, p := range all {
			if got := quota(t, p) - p.pool.uses("r1"); got < 15 || got > 25 {
				t.Errorf("%s: got room for %d, want about 20 of 60", p.name, got)
			}
		}
	})
}

func TestAMemberThatWasCutOffGivesBackWhatItDoesNotUse(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		all := start(t, s, 30, nodes, "a", "b")
		all[0].pool.come("r1", 10)
		passes(time.Second)
		had := quota(t, all[0])
		all[0].link.breaks(cut, 20*time.Second)
		passes(15 * time.Second)
		if got := quota(t, all[0]); got != had {
			t.Errorf("got a quota of %d without Redis, want %d as before", got, had)
		}
		if got := quota(t, all[1]); got != 30 {
			t.Errorf("got a quota of %d for the one that can reach Redis, want all 30", got)
		}
		all[0].pool.come("r1", 2)
		all[1].pool.come("r1", 30)
		if got := all[0].pool.uses("r1") + all[1].pool.uses("r1"); got != 42 {
			t.Errorf("got %d clients, want 42: 12 too many, as documented", got)
		}
		passes(6 * time.Second)
		if got := all[0].pool.come("r1", 1); got != 0 || quota(t, all[0]) != 12 {
			t.Errorf("got %d more clients and a quota of %d, want none and 12", got, quota(t, all[0]))
		}
		all[1].pool.leave("r1", 20)
		passes(3 * time.Second)
		if got := quota(t, all[0]) + quota(t, all[1]); got > 30 || got < 28 {
			t.Errorf("got quotas of %d together, want 30", got)
		}
	})
}

// The answer to the write in which a quota is given back is lost, and the write
// arrives late: what it gives back is not used meanwhile.
func TestAQuotaThatMayHaveBeenGivenBackIsNotUsed(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		a := start(t, s, 40, []string{"r1"}, "a")[0]
		a.link.breakSwap(late)
		granted := newWorld(s, 0, true)
		granted.nodes, granted.usable, granted.live[a.id] = []string{"r1"}, 0, a
		b := launch(s, "b", newPool(40, "r1"), nil)
		t.Cleanup(b.end)
		passes(1500 * time.Millisecond) // the write has come
		if len(granted.wrong) > 0 {
			t.Errorf("got %v, want none of it", granted.wrong)
		}
		for range 50 {
			passes(20 * time.Millisecond)
			a.pool.come("r1", 40)
			b.pool.come("r1", 40)
		}
		if got := a.pool.uses("r1") + b.pool.uses("r1"); got < 35 || got > 40 {
			t.Errorf("got %d clients, want about 40", got)
		}
		a.pool.leave("r1", 30)
		b.pool.leave("r1", 30)
		passes(5 * time.Second)
		if got := quota(t, a) + quota(t, b); got < 38 || got > 40 {
			t.Errorf("got quotas of %d together, want 40", got)
		}
	})
}

// Otherwise a member among many, all of which write, would get none for seconds.
func TestAQuotaDoesNotWaitForTheNextBeatWhenAnotherMemberWritesFirst(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		var overtaken atomic.Bool
		var got atomic.Int64
		a := launch(s, "a", newPool(90, nodes...), func(v View) {
			if quota, _ := v.Quota("r1"); overtaken.CompareAndSwap(true, false) { // at the end of that beat
				got.Store(int64(quota))
			}
		})
		t.Cleanup(a.end)
		b := start(t, s, 90, nodes, "b")[0]
		had := quota(t, a)
		a.pool.come("r1", had)
		a.link.overtake(func() {
			if err := drain(b.Member, "r2", false); err != nil {
				t.Error(err)
			}
			overtaken.Store(true)
		})
		passes(3 * time.Second)
		if got := int(got.Load()); got <= had {
			t.Errorf("got a quota of %d, want more than the %d that are used, in the same beat", got, had)
		}
		if !drained(a.Member, "r2") {
			t.Error("got no drain, want what the other one has written")
		}
	})
}

func TestAQuotaIsWhatIsAskedAndLeft(t *testing.T) {
	ask := func(s share, mine, left, want int) {
		t.Helper()
		s.wants = s.part > 0
		if got := s.ask(mine, left); got != want {
			t.Errorf("%+v with %d and %d left: got %d, want %d", s, mine, left, got, want)
		}
	}
	const third = 1. / 3
	ask(share{limit: 90, part: third}, 0, 90, 30)
	ask(share{limit: 90, part: third, used: 12, all: 30}, 0, 90, 32)
	ask(share{limit: 950, part: 0.5}, 470, 0, 470)                                        // about as much
	ask(share{limit: 950, part: 0.5}, 350, 0, 475)                                        // not about as much
	ask(share{limit: 950, part: 0.125}, 475, 0, 118)                                      // clients come elsewhere
	ask(share{limit: 950, part: 0.2, short: true}, 200, 0, 190)                           // somebody waits for it
	ask(share{limit: 950, part: 0.2, short: true}, 200, 30, 200)                          // and can have others
	ask(share{limit: 10, part: third, used: 3, all: 9}, 3, 1, 4)                          // the last one
	ask(share{limit: 10, part: third, used: 3, all: 9, short: true}, 4, 0, 4)             // which somebody has
	ask(share{limit: 10, part: 0.1, used: 3, all: 9, short: true, outbid: true}, 4, 0, 3) // and another one's clients want
	ask(share{limit: 10, part: third, used: 3, all: 9}, 5, -1, 3)                         // too many were given
	ask(share{limit: 10, part: third, used: 4, all: 14}, 6, -4, 4)
	ask(share{limit: 10, used: 4, all: 4}, 6, 0, 4) // it is stopping
}

// comes has clients want places at a member, for so long.
func (p *process) comes(clients int, long time.Duration) {
	for range int(long / (100 * time.Millisecond)) {
		p.pool.come("r1", clients)
		passes(100 * time.Millisecond)
	}
}

func TestPlacesGoWhereClientsCome(t *testing.T) {
	bubble(t, func(t *testing.T, s *simStore) {
		all := start(t, s, 950, nodes, "a", "b", "c")
		uses := func(p *process, least int) {
			t.Helper()
			if got := p.pool.uses("r1"); got < least {
				t.Errorf("%s: got %d clients, want at least %d", p.name, got, least)
			}
		}
		for _, least := range []int{800, 930, 945} {
			all[0].comes(950, 1500*time.Millisecond)
			uses(all[0], least)
		}
		all[0].comes(950, 3*time.Second)
		uses(all[0], 950)
		all[0].pool.leave("r1", 500)
		all[1].comes(950, 3*time.Second) // nobody comes to the first one now
		uses(all[1], 400)
		all[1].comes(950, 5*time.Second)
		uses(all[1], 499)
	})
}
