package relay

import (
	"context"
	"sync"
	"time"
)

// coroutine is a First that a shard runs. It looks like a goroutine, but its shard
// switches to it and back, which needs neither the scheduler nor another thread:
// with little to do, each goroutine that is woken costs a thread that wakes up and
// looks for work, which is more than all the rest of a new client.
//
// It belongs to its shard, except between Aside and its next wait.
type coroutine struct {
	context.Context // of f, which knows it
	shard           *shard
	conn            *netConn // that has come in
	f               func(context.Context)
	carrier         *carrier
	held            *sync.Mutex // for whoever runs it to unlock, when it waits
	aside           bool        // it runs on a goroutine of its own
	over            bool        // it waits as others do
}

type coroutineKey struct{}

// coroutineOf is nil where there is none, or there is none any more.
func coroutineOf(ctx context.Context) *coroutine {
	c, _ := ctx.Value(coroutineKey{}).(*coroutine)
	if c == nil || c.over {
		return nil
	}
	return c
}

// begin runs f, with a context that knows the coroutine, for a connection of this
// shard. It is a user of the shard until its end.
func (s *shard) begin(conn *netConn, f func(context.Context)) error {
	if err := s.enter(); err != nil {
		return err
	}
	c := &coroutine{Context: context.Background(), shard: s, conn: conn, f: f, carrier: s.carrier()}
	c.carrier.work = c
	conn.waiter = c
	c.run()
	return nil
}

// runsOn is whether the shard runs it. Nil does not run.
func (c *coroutine) runsOn(s *shard) bool { return c != nil && c.shard == s && !c.aside }

// work is what the carrier does for it.
func (c *coroutine) work() { c.f(c) }

// Value implements context.Context.
func (c *coroutine) Value(key any) any {
	if key == (coroutineKey{}) {
		return c
	}
	return nil
}

// run goes on with it until it waits, has to run aside, or ends. It must be called by
// the shard, or by the goroutine beside it.
func (c *coroutine) run() {
	switch c.carrier.resume() {
	case waits:
		c.held.Unlock()
	case goesAside:
		c.shard.woken = true
		go c.runAside()
	case isDone:
		c.end()
	}
}

func (c *coroutine) runAside() {
	c.aside = true
	c.run()
}

// end gives the carrier back, which only the shard itself can use again.
func (c *coroutine) end() {
	if !c.over { // otherwise others look at it
		c.over = true
	}
	if c.aside {
		c.carrier.stop()
	} else {
		c.shard.woken = true // who has got the connection from it
		c.shard.release(c.carrier)
	}
	c.shard.leave()
}

// wait returns once somebody has had the shard go on with it. mu, which is held and
// is held again then, is not meanwhile: only when the switch is done can somebody be
// quicker than it.
func (c *coroutine) wait(mu *sync.Mutex) {
	c.held = mu
	c.carrier.pause(waits)
	c.aside = false
	mu.Lock()
}

// wake has the shard go on with it.
func (c *coroutine) wake() { c.shard.post(c.run) }

// Aside is for what may wait, or takes long, in a First: from now on and until it next
// waits for a connection, that is not on the shard. Elsewhere it does nothing.
func Aside(ctx context.Context) {
	if c := coroutineOf(ctx); c != nil && !c.aside {
		c.carrier.pause(goesAside)
	}
}

// Leave makes the connections of a First such as anybody can wait for, and is for the
// First itself, which must not wait for them from then on. Elsewhere it does nothing.
func Leave(ctx context.Context) {
	if c := coroutineOf(ctx); c != nil {
		c.conn.tell(nil)
		c.over = true
	}
}

// Gone has f called once the client of a First has ended its connection, or its half of
// it, and until Leave. f is called by the shard, or at once. Elsewhere it does nothing.
func Gone(ctx context.Context, f func()) {
	if c := coroutineOf(ctx); c != nil {
		c.conn.tell(f)
	}
}

// HasGone is whether the client of a First has ended its connection, or its half of it.
// After Leave, and elsewhere, it is not known to have.
func HasGone(ctx context.Context) bool {
	c := coroutineOf(ctx)
	return c != nil && c.conn.hasEnded()
}

// Pause waits for so long, or until ctx ends, whose error it returns then. In a First
// the shard goes on meanwhile.
func Pause(ctx context.Context, long time.Duration) error {
	var s signal
	defer context.AfterFunc(ctx, s.set)()
	s.by = time.Now().Add(long)
	if s.wait(coroutineOf(ctx)) == nil {
		return ctx.Err()
	}
	return nil
}
