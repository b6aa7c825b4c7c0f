package proxy

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"fermata/balancer"
	"fermata/proxy/relay"
)

// governor paces the upgrades that each node gets, so that the clients of one
// that is lost do not take the next one down: Reverb answers one at a time.
// The zero value is ready. Its methods may be called concurrently.
type governor struct {
	mu      sync.Mutex
	nodes   map[*balancer.Node]*allowance
	returns returns // of clients whose node has vanished
}

// allowance is what the governor knows of one node.
type allowance struct {
	limiter *rate.Limiter
	others  float64       // the part of its upgrades that other Fermatas have
	asked   int           // upgrades that have wanted the node
	back    time.Time     // when the node came back; zero: it has not been away
	prompt  int           // answers since then that did not take long
	answer  time.Duration // the smoothed time that it takes to answer
}

// wait returns when the node may get another upgrade. The error says that this
// cannot be before that time, or before ctx ends.
func (g *governor) wait(ctx context.Context, by time.Time, n *balancer.Node, l Limits) error {
	g.ask(n)
	if l.UpgradesPerSecond == 0 {
		return nil
	}
	for {
		limiter, faster := g.limiter(n, l, time.Now())
		if !faster {
			return g.turn(ctx, by, limiter)
		}
		soon := earlier(by, time.Now().Add(lookAgain+rand.N(lookAgain)))
		err := g.turn(ctx, soon, limiter)
		if err == nil || relay.Pause(ctx, time.Until(soon)) != nil || soon == by {
			return err
		}
	}
}

// lookAgain is, with up to as much again, how far ahead a place is taken at a
// node that gets more by the second: one for later would come too late.
const lookAgain = 200 * time.Millisecond

// beat is what turns are rounded up to: clients whose turns come together wake the
// process once, and not each of them. It is a fifth of the burst of a node.
const beat = 20 * time.Millisecond

// errTurnTooLate is a turn that comes after the client has to be answered.
var errTurnTooLate = errors.New("its turn would come too late")

// turn waits for the client's turn. The error says that this cannot be before that
// time, or before ctx ends.
func (g *governor) turn(ctx context.Context, by time.Time, limiter *rate.Limiter) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	place, wait := g.place(limiter, time.Now(), by)
	if place == nil {
		return errTurnTooLate
	}
	if wait == 0 {
		return nil
	}
	err := relay.Pause(ctx, wait)
	if err != nil {
		place.Cancel()
	}
	return err
}

// place takes a place, and is how long its turn is away; nil: that would be too late. All
// that is done under the lock, as a place that is given back when others were taken
// behind it is lost.
func (g *governor) place(limiter *rate.Limiter, now, by time.Time) (place *rate.Reservation, wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	place = limiter.ReserveN(now, 1)
	wait = untilBeat(now, place.DelayFrom(now))
	if wait > 0 && now.Add(wait).After(by) {
		place.CancelAt(now)
		return nil, 0
	}
	return place, wait
}

// untilBeat rounds a delay up so that it ends at a beat, which is the same moment
// for all nodes. Nothing to wait for stays that.
func untilBeat(now time.Time, delay time.Duration) time.Duration {
	if delay <= 0 {
		return 0
	}
	over := time.Duration(now.Add(delay).UnixNano()) % beat
	return delay + (beat-over)%beat
}

// limiter is the node's limiter, set to its rate of this moment, and whether
// that will soon be higher.
func (g *governor) limiter(n *balancer.Node, l Limits, now time.Time) (limiter *rate.Limiter, faster bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.allowance(n)
	a.limiter.SetLimitAt(now, rate.Limit(a.rate(l, now)))
	a.limiter.SetBurstAt(now, max(1, int(a.full(l)/10)))
	return a.limiter, a.started(l, now) < 1
}

// allowance is the node's. mu is held.
func (g *governor) allowance(n *balancer.Node) *allowance {
	a := g.nodes[n]
	if a == nil {
		a = &allowance{limiter: rate.NewLimiter(0, 1)}
		if g.nodes == nil {
			g.nodes = make(map[*balancer.Node]*allowance)
		}
		g.nodes[n] = a
	}
	return a
}

// least is the share of its upgrades that a node gets in any case.
const least = 0.1

// rate is how many upgrades a second the node gets: less while it has just
// come back, and less while it takes long to answer.
func (a *allowance) rate(l Limits, now time.Time) float64 {
	return max(1, a.started(l, now)*a.steady(l))
}

// steady is the rate of a node that has not just come back.
func (a *allowance) steady(l Limits) float64 {
	share := 1.0
	if a.answer > promptly {
		share = max(least, float64(promptly)/float64(a.answer))
	}
	return share * a.full(l)
}

// full is this Fermata's part of the upgrades of a node that answers promptly.
func (a *allowance) full(l Limits) float64 { return (1 - a.others) * float64(l.UpgradesPerSecond) }

// started is the share that a node gets which has come back: more by the time,
// or one upgrade a second more with each prompt answer, whichever is more. So a
// node that is as fast as before has its share back in a few seconds.
func (a *allowance) started(l Limits, now time.Time) float64 {
	since := now.Sub(a.back)
	if a.back.IsZero() || since >= l.SlowStart {
		return 1
	}
	const first = 0.2
	byTime := float64(since) / float64(l.SlowStart)
	byAnswers := first + float64(a.prompt)/max(1, a.full(l))
	return min(1, max(byTime, byAnswers))
}

// ask counts an upgrade that wants the node.
func (g *governor) ask(n *balancer.Node) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.allowance(n).asked++
}

// share gives this Fermata a part of the node's upgrades, from 0 to 1, and returns
// how many have wanted the node so far.
func (g *governor) share(n *balancer.Node, part float64) (asked int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.allowance(n)
	a.others = 1 - min(1, max(0, part))
	return a.asked
}

// hold is how long a client whose node has vanished is held open before it is
// told to come back: until the others can take it or, where there are none,
// those of all so many nodes that have come back by then, which are half of them
// on average. A node that has just come back counts in full: it soon takes that
// many, and until then they wait for their upgrade.
func (g *governor) hold(others []*balancer.Node, all int, l Limits, now time.Time) time.Duration {
	if l.UpgradesPerSecond == 0 {
		return 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	sum := 0.0
	for _, n := range others {
		sum += g.allowance(n).steady(l)
	}
	if sum == 0 {
		sum = float64(l.UpgradesPerSecond) * max(1, float64(all)/2)
	}
	return g.returns.place(sum, now)
}

// promptly is how fast a node answers an upgrade that has nothing to wait for
// there; one that takes longer has a queue.
const promptly = 200 * time.Millisecond

// answered notes how long the node took to answer an upgrade.
func (g *governor) answered(n *balancer.Node, took time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.allowance(n)
	a.answer += (took - a.answer) / 8
	if took <= promptly {
		a.prompt++
	}
}

// returned begins the slow start of a node that has come back.
func (g *governor) returned(n *balancer.Node, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.allowance(n)
	*a = allowance{limiter: rate.NewLimiter(0, 1), back: now, others: a.others, asked: a.asked}
}

// forget drops what is known of a node that is gone.
func (g *governor) forget(n *balancer.Node) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.nodes, n)
}
