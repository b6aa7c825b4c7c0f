package relay

import (
	"sync/atomic"
	"time"
)

// pace is how often the shards of an engine have something to do, and so how they wait.
//
// While that is often, each keeps its P, without which no goroutine runs, through the
// wait: so waking up costs what it costs a program in C. All do so, as with a P
// that nobody has, each goroutine that is woken would wake a thread, too. So the other
// goroutines have none; they run when a shard has woken them, or has kept its P for a
// slice: then it gives way. Without that the scheduler would send it a signal.
//
// Otherwise they are parked in the runtime's poller, which watches theirs. That costs
// some system calls more each time, but no P, and lets the scheduler sleep, which
// otherwise looks every 10 ms.
type pace struct {
	shards []*shard
	began  time.Time
	since  atomic.Int64 // when the stretch began that is counted, in nanoseconds after began
	rounds atomic.Int64 // of that stretch, those that had something to do
	busy   atomic.Bool
	way    atomic.Int64 // until when they are not busy in any case, in nanoseconds after began
}

const (
	stretch = 20 * time.Millisecond
	many    = 6 // rounds in a stretch are often, and so are
	few     = 2 // once they were
	slice   = 8 * time.Millisecond
	moment  = 100 * time.Millisecond
)

func newPace() *pace { return &pace{began: time.Now()} }

// next counts a round and is whether the shards are busy.
func (p *pace) next(now time.Time, hadWork bool) bool {
	if hadWork {
		p.rounds.Add(1)
	}
	since := p.since.Load()
	took := now.Sub(p.began) - time.Duration(since)
	if took >= stretch && p.since.CompareAndSwap(since, since+int64(took)) {
		rounds := p.rounds.Swap(0) * int64(stretch) / int64(took)
		if p.makesWay(now) {
			rounds = 0 // and all are woken once they are busy again
		}
		p.change(rounds)
	}
	return p.busy.Load() && !p.makesWay(now)
}

// makeWay has the shards be parked for a moment. It is called for each relay that waits
// for another process: what comes from that, other goroutines receive, and each time that
// could take a slice.
func (p *pace) makeWay(now time.Time) { p.way.Store(int64(now.Sub(p.began) + moment)) }

func (p *pace) makesWay(now time.Time) bool { return int64(now.Sub(p.began)) < p.way.Load() }

// change is for so many rounds in a stretch.
func (p *pace) change(rounds int64) {
	was := p.busy.Load()
	is := rounds >= many || was && rounds >= few
	p.busy.Store(is)
	if is && !was {
		for _, s := range p.shards {
			s.rouse()
		}
	}
}
