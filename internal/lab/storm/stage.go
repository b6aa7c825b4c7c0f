//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"fermata/internal/lab/command"
	"fermata/internal/lab/devnode"
	"fermata/internal/lab/storm/crowd"
	"fermata/internal/lab/storm/report"
)

const (
	// arriving bounds how long the clients take until all are subscribed.
	arriving = 90 * time.Second
	// quiet is how long nothing happens before, and after which it is over: a
	// second wave would come after pusher-js' second.
	quiet = 3 * time.Second
	// looking is how often we look whether it is over.
	looking = 50 * time.Millisecond
)

// stage is where one case is played: fresh nodes, a fresh balancer and fresh
// clients.
type stage struct {
	*scenario
	nodes   *nodes
	running *running
	watch   *watch
	crowd   *crowd.Crowd
	stream  *stream
	stops   []func()  // of all that was started, in that order
	struck  time.Time // when it began
	clients int       // that were there then

	mu     sync.Mutex
	result report.Case
}

// play plays a case from its beginning to its end. The remark, if any, is what
// its reader should know.
func (s *storm) play(ctx context.Context, scenario *scenario, b *balancer) (_ *report.Case, remark string, err error) {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	stage := &stage{scenario: scenario}
	defer stage.clear()
	if err := stage.set(ctx, &s.options, b); err != nil {
		return nil, "", err
	}
	if err := stage.fill(ctx, &s.options, fail); err != nil {
		return nil, "", stage.explain(err)
	}
	if err := stage.measure(ctx, s.patience); err != nil {
		return nil, "", stage.explain(err)
	}
	if missing := s.clients - stage.clients; missing > 0 {
		remark = fmt.Sprintf("%d of %d clients did not come in at all, and are not counted", missing, s.clients)
	}
	return &stage.result, remark, nil
}

// set starts the nodes and the balancer; clear stops them, also upon an error.
func (s *stage) set(ctx context.Context, o *options, b *balancer) (err error) {
	s.result.Scenario, s.result.Balancer = s.Name, b.Name
	if s.members > 0 {
		s.result.Members = &report.Members{Cap: s.cap}
	}
	s.nodes, err = startNodes()
	s.stops = append(s.stops, s.nodes.stop)
	if err != nil {
		return err
	}
	at, err := newPlace(s.nodes.addresses(), b.apps)
	if err != nil {
		return err
	}
	s.stops = append(s.stops, func() { os.RemoveAll(at.Dir) })
	at.Cap = s.cap
	if s.upgrade {
		s.result.Upgrade = new(report.Upgrade)
		if err := at.secure(o.spread); err != nil {
			return err
		}
	}
	s.watch = startWatch(s.nodes)
	s.stops = append(s.stops, s.watch.end)
	if s.running, err = b.start(ctx, at); err != nil {
		return err
	}
	s.stops = append(s.stops, s.running.Stop)
	return nil
}

// clear stops what was started, the last first.
func (s *stage) clear() {
	for _, stop := range slices.Backward(s.stops) {
		stop()
	}
}

// explain adds what the balancer said.
func (s *stage) explain(err error) error {
	if said := s.running.Said(); said != "" {
		return fmt.Errorf("%w\n%s", err, said)
	}
	return err
}

// fill starts the clients, and waits until all are subscribed or do not become
// more. fail is called if they end.
func (s *stage) fill(ctx context.Context, o *options, fail func(error)) error {
	who := crowd.Options{
		Clients: o.clients, Libraries: o.libraries, Hosts: s.running.hosts(), Secure: s.running.at.Secure,
		Key: devnode.DefaultAppKey, Secret: devnode.DefaultAppSecret, Numbered: numbered, Failed: fail,
	}
	c, stop, err := crowd.Start(ctx, who)
	s.crowd, s.stops = c, append(s.stops, stop)
	if err != nil {
		return err
	}
	if err := s.arrive(ctx, o.clients); err != nil {
		return err
	}
	s.stream = startStream(ctx, s.nodes.publisher.URL(), who.Kinds(), o.events)
	s.stops = append(s.stops, func() { s.stream.end() })
	return command.Pause(ctx, quiet)
}

// arrive waits until all are in, or as many as the nodes take.
func (s *stage) arrive(ctx context.Context, clients int) error {
	until := time.Now().Add(arriving)
	for time.Now().Before(until) {
		in, since := s.crowd.Subscribed()
		if in == clients && time.Since(since) > time.Second || s.isFull(in) && time.Since(since) > quiet {
			return nil
		}
		if err := command.Pause(ctx, looking); err != nil {
			return err
		}
	}
	if in, _ := s.crowd.Subscribed(); in == 0 {
		return fmt.Errorf("no client came in within %v", arriving)
	}
	return nil
}

// isFull is whether the nodes have nearly as many clients as they may.
func (s *stage) isFull(clients int) bool {
	return s.cap > 0 && clients > nodeCount*s.cap*9/10
}

// strike begins the measurement.
func (s *stage) strike(node string) {
	s.struck = time.Now()
	s.watch.strike()
	s.clients = s.crowd.Strike(node, s.struck)
}

// mark notes that something has happened now.
func (s *stage) mark(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.result.Members
	m.Marks = append(m.Marks, report.Mark{T: time.Since(s.zero()).Seconds(), What: what})
}

// zero is when the loads of nodes begin to count: what a cap holds up is the
// arrival, too.
func (s *stage) zero() time.Time {
	if s.cap > 0 {
		return s.watch.began
	}
	return s.struck
}

// measure has the scenario happen, and watches until it is over.
func (s *stage) measure(ctx context.Context, patience time.Duration) error {
	if err := s.do(ctx, s); err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	if err := s.over(ctx, s.struck.Add(patience)); err != nil {
		return err
	}
	s.crowd.Result(&s.result, time.Now())
	s.watch.result(&s.result, s.zero())
	published, err := s.stream.end()
	if err != nil {
		return err
	}
	s.result.Deliveries, err = s.crowd.Deliveries(ctx, published)
	if u := s.result.Upgrade; u != nil {
		u.Plain.Deliveries, u.TLS.Deliveries = s.crowd.DeliveriesOf(published)
	}
	return err
}

// over waits until nobody is away but those who have given up, or nobody comes to
// nodes that are full.
func (s *stage) over(ctx context.Context, deadline time.Time) error {
	done := time.Now()
	for time.Now().Before(deadline) {
		waiting, since := s.crowd.Waiting()
		if (waiting == 0 || s.cap > 0) && time.Since(since) > quiet && time.Since(done) > quiet {
			return nil
		}
		if err := command.Pause(ctx, looking); err != nil {
			return err
		}
	}
	return nil
}
