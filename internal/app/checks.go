package app

import (
	"context"
	"sync"
	"time"

	"fermata/balancer"
	"fermata/health"
)

// checks runs one health check a node. Its methods may be called concurrently.
type checks struct {
	report func(node string, r health.Result)

	wg      sync.WaitGroup
	mu      sync.Mutex
	running map[string]*check
}

// check is the running check of one node.
type check struct {
	*health.Checker
	address string
	options health.Options
	stop    context.CancelFunc
	loop    time.Duration // how long the node last took to answer; guarded by checks.mu
}

func newChecks(report func(node string, r health.Result)) *checks {
	return &checks{report: report, running: make(map[string]*check)}
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
		if running != nil && running.address == n.URL.Host && running.options == o {
			delete(old, n.Name)
		} else {
			running = c.start(ctx, n, o)
		}
		c.running[n.Name] = running
	}
	for _, gone := range old {
		gone.stop()
	}
}

func (c *checks) start(ctx context.Context, n balancer.NodeOptions, o health.Options) *check {
	ctx, stop := context.WithCancel(ctx)
	started := &check{address: n.URL.Host, options: o, stop: stop}
	started.Checker = health.New(n.URL.Host, o, func(r health.Result) {
		if ctx.Err() == nil {
			c.answered(started, r)
			c.report(n.Name, r)
		}
	})
	c.wg.Go(func() { started.Run(ctx) })
	return started
}

// answered notes how long the node took, if it did answer.
func (c *checks) answered(of *check, r health.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Took > 0 {
		of.loop = r.Loop
	}
}

// loop is how long the node took to answer its last check; 0: it did not, or
// was asked nothing.
func (c *checks) loop(node string) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if running := c.running[node]; running != nil {
		return running.loop
	}
	return 0
}

// dialFailed tells a node's check of a client's dial that failed.
func (c *checks) dialFailed(node string, err error) {
	c.mu.Lock()
	running := c.running[node]
	c.mu.Unlock()
	if running != nil {
		running.DialFailed(err)
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
