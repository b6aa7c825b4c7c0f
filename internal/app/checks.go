package app

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"fermata/balancer"
	"fermata/health"
	"fermata/internal/names"
)

// checks runs one health check a node, and looks up the nodes' names. Its methods
// may be called concurrently.
type checks struct {
	report func(node string, r health.Result)
	found  func(node string, at target, a names.Answer)
	lookup names.Lookup

	wg      sync.WaitGroup
	mu      sync.Mutex
	running map[string]*check
}

// check is the running check of one node.
type check struct {
	*health.Checker
	*target
	place   health.Place
	url     balancer.URL
	options health.Options
	stop    context.CancelFunc
}

func newChecks(report func(node string, r health.Result), found func(node string, at target, a names.Answer)) *checks {
	return &checks{report: report, found: found, lookup: names.System, running: make(map[string]*check)}
}

// set makes the running checks those of the nodes. One whose address and
// options stay goes on undisturbed. All end with ctx.
func (c *checks) set(ctx context.Context, nodes []balancer.NodeOptions, o health.Options) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.running
	c.running = make(map[string]*check, len(nodes))
	for _, n := range nodes {
		running := old[n.Name]
		if running != nil && running.url == n.URL && running.place.Secure == n.Secure && running.options == o {
			delete(old, n.Name)
		} else {
			running = c.start(ctx, n, o, known(running, n.URL))
		}
		c.running[n.Name] = running
	}
	for _, gone := range old {
		gone.stop()
	}
}

// known are the addresses that an old check knows of a name.
func known(old *check, u balancer.URL) []netip.Addr {
	if old == nil || old.url.Host != u.Host {
		return nil
	}
	return old.known()
}

func (c *checks) start(ctx context.Context, n balancer.NodeOptions, o health.Options, known []netip.Addr) *check {
	ctx, stop := context.WithCancel(ctx)
	started := &check{url: n.URL, options: o, stop: stop}
	started.target = newTarget(n.URL, known, c.lookup, o.Interval, func(at target, a names.Answer) { c.found(n.Name, at, a) })
	started.place = health.Place{Address: n.URL.Host, Dial: started.dial, Secure: n.Secure}
	started.Checker = health.New(started.place, o, func(r health.Result) {
		if ctx.Err() == nil {
			r.Reason = started.remark(r.Reason)
			c.report(n.Name, r)
		}
	})
	c.wg.Go(func() { started.target.run(ctx) })
	c.wg.Go(func() {
		started.looked(ctx, time.After(firstLookUp))
		started.Checker.Run(ctx)
	})
	return started
}

// looked returns after the first look-up of all nodes' names, or when these take
// too long.
func (c *checks) looked(ctx context.Context) {
	c.mu.Lock()
	all := slices.Collect(maps.Values(c.running))
	c.mu.Unlock()
	late := make(chan time.Time)
	defer time.AfterFunc(firstLookUp, func() { close(late) }).Stop()
	for _, one := range all {
		one.looked(ctx, late)
	}
}

// object has each node's checks fail for what it does not deliver, or no longer.
func (c *checks) object(nodes map[string]health.NodeDelivery) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for node, running := range c.running {
		running.Object(nodes[node].Objection)
	}
}

// place is where a node's checks find it, if it has any.
func (c *checks) place(node string) (at health.Place, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if running := c.running[node]; running != nil {
		return running.place, true
	}
	return at, false
}

// dialFailed tells a node's check of a client's dial that failed.
func (c *checks) dialFailed(node string, err error) {
	c.of(node, func(running *health.Checker) { running.DialFailed(err) })
}

// unanswered tells a node's check of a request that had no answer.
func (c *checks) unanswered(node string) { c.of(node, (*health.Checker).Unanswered) }

// waiting tells a node's check of a request that waits long for its answer.
func (c *checks) waiting(node string) { c.of(node, (*health.Checker).Suspect) }

// answers is whether the node would pass a check of type http.
func (c *checks) answers(ctx context.Context, node string) (yes bool) {
	c.of(node, func(running *health.Checker) { yes = running.Answers(ctx) })
	return yes
}

// of calls that with the check of the node, if it has one.
func (c *checks) of(node string, call func(*health.Checker)) {
	c.mu.Lock()
	running := c.running[node]
	c.mu.Unlock()
	if running != nil {
		call(running.Checker)
	}
}

// hurry brings the checks of all nodes but this one forward.
func (c *checks) hurry(except string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for node, running := range c.running {
		if node != except {
			running.Hurry()
		}
	}
}

// wait returns when every check has ended.
func (c *checks) wait() { c.wg.Wait() }

// patience is how long it takes until every node has been checked once more.
func patience(o health.Options) time.Duration { return o.Interval + o.Timeout }
