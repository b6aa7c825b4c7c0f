// Package health checks whether a node works. It knows one node at a time and
// tells what it finds through a func; it knows nothing of a pool.
package health

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"

	"fermata/internal/names"
	"fermata/internal/shortage"
)

// Result is what is known of a node after a check, or after a client's failure.
type Result struct {
	// Up is the verdict, after rise and fall; not whether this check passed.
	Up bool
	// Changed says that the verdict is another one than before, or the first.
	Changed bool
	// Reason is for people: "pong in 3ms", "dial refused". It starts with
	// "failed 1 of 2" or "passed 1 of 2" while more of the same would change
	// the verdict.
	Reason string
	// Passed says that it was a check, and that it passed.
	Passed bool
	// Refused says that nobody listens there, or that no address of it is known,
	// which no check can be wrong about.
	Refused bool
	// Fault is what the last check that failed met; empty while Up.
	Fault Fault
	// Took is how long the check took; 0 when a client's dial failed.
	Took time.Duration
	// Loop is how long the node took to answer what a check that passed asked,
	// connecting apart: the pong, or the answer's first byte. It is what the
	// node's event loop had before that. 0: nothing was asked.
	Loop time.Duration
	// Skipped is why nothing was learnt of the node: the check could not be made
	// for want of something of this machine's own. All else is zero then, and what
	// was known before holds. Nil: it was made.
	Skipped error
}

// Checker checks one node. Make it with New.
type Checker struct {
	place   Place
	options Options
	probe   probe
	answers probe // in its place while the node is suspected of not answering
	report  func(Result)
	failed  chan error    // what clients met, with room for one: more say nothing new
	hurry   chan struct{} // asks for a check now, with room for one
	verdict verdict       // Run's
	fault   Fault         // Run's: of the last check that failed
	skipped bool          // Run's: the last check was

	suspected atomic.Bool // of not answering
	objection atomic.Pointer[Objection]
}

// New returns the checker of the node at a place. It starts nothing, and it trusts the options: Interval and Timeout are positive, and a
// Type that it does not know is tcp. Run calls report, one call at a time,
// after every check and every failed dial that counts; it must not block.
func New(at Place, o Options, report func(Result)) *Checker {
	return &Checker{
		place:   at,
		options: o,
		probe:   newProbe(at, o),
		answers: answeringProbe(at, o),
		report:  report,
		failed:  make(chan error, 1),
		hurry:   make(chan struct{}, 1),
		verdict: verdict{rise: o.Rise, fall: o.Fall},
	}
}

// DialFailed says that a client's dial to the node failed with err, which
// counts as a failed check and brings the next one forward. Between two checks
// all such failures count as one, so that a burst of them does not outvote a
// check. It never blocks and may be called at any time from any goroutine.
// A dial that timed out only brings it forward: on a machine with too much to
// do, dials to nodes that are well time out. One that was cancelled says
// nothing about the node. After a failed TLS handshake Suspect's checks follow, as
// those over TCP make none.
func (c *Checker) DialFailed(err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	if isTLS(err) {
		c.suspected.Store(true)
	}
	c.tell(err)
}

// errUnanswered is what a client met that was told of with Unanswered.
var errUnanswered error = faulty{errors.New("a client got no answer"), FaultNoAnswer}

// Unanswered says that the node has left a client's request without an answer
// for as long as it may take. It counts as DialFailed does, and Suspect's checks
// follow, so that a node which takes connections and answers nothing goes down
// whatever the type of its checks. It may be called like DialFailed.
func (c *Checker) Unanswered() {
	c.suspected.Store(true)
	c.tell(errUnanswered)
}

// Suspect says that a client has waited long for an answer, which need not mean
// anything. The next check comes at once; it and those that follow wait for an
// answer, of whatever kind, until a node that is up gives one. It may be called
// like DialFailed.
func (c *Checker) Suspect() {
	c.suspected.Store(true)
	c.Hurry()
}

func (c *Checker) tell(err error) {
	select {
	case c.failed <- err:
	default:
	}
}

// Hurry brings the next check forward, unless the last one speaks against the
// verdict already, or the node is down: it is for the nodes beside one that has
// begun to fail. It never blocks and may be called at any time from any
// goroutine.
func (c *Checker) Hurry() {
	select {
	case c.hurry <- struct{}{}:
	default:
	}
}

// Run checks the node, the first time at once, until ctx ends, and returns why
// it ended. It may be called once. Checks start a gap apart, give or take a
// tenth of it, so that nodes and balancers do not fall into step.
func (c *Checker) Run(ctx context.Context) error {
	clock := time.NewTimer(0)
	defer clock.Stop()
	hurries := c.hurry
	var failed <-chan error // nil, which is never ready, until a check was made since the last failure
	var hurry pace          // what goes on asking for checks gets ten an interval at most
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-clock.C:
			began := time.Now()
			c.forgetFailure() // the check says more about the node than what was before it
			c.check(ctx)
			failed, hurries = c.failed, c.hurry
			clock.Reset(time.Until(began.Add(jittered(c.gap()))))
		case err := <-failed:
			failed = nil
			c.countClient(err)
			if c.verdict.up {
				clock.Reset(hurry.wait(c.options.Interval / 10))
			}
		case <-hurries:
			hurries = nil // until that check, which a second one would put off
			if c.verdict.up && !c.verdict.doubted() {
				clock.Reset(hurry.wait(c.options.Interval / 10))
			}
		}
	}
}

// gap is the time from one check to the next: half the interval after one that
// speaks against the verdict, so that an old verdict is soon known for one; and
// a fifth while nobody listens at the node, or has just begun to, since asking
// costs nothing there and what it waits for is mostly a restart; and a fifth
// after one that could not be made.
func (c *Checker) gap() time.Duration {
	switch {
	case c.skipped:
		return c.options.Interval / 5
	case !c.verdict.up && (c.fault == FaultRefused || c.fault == FaultNoAddress):
		return c.options.Interval / 5
	case c.verdict.doubted():
		return c.options.Interval / 2
	}
	return c.options.Interval
}

// forgetFailure drops what a client met and waits to be counted, if there is
// something. A suspicion stays.
func (c *Checker) forgetFailure() {
	select {
	case <-c.failed:
	default:
	}
}

// countClient counts what a client met. A dial that timed out does not count.
func (c *Checker) countClient(err error) {
	if isTimeout(err) {
		return
	}
	if err != errUnanswered {
		err = dialError(err, 0)
	}
	c.count(err, finding{said: err.Error()}, 0)
}

// check probes the node once and reports.
func (c *Checker) check(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	start := time.Now()
	probe, suspected := c.probe, c.suspected.Load()
	if suspected {
		probe = c.answers
	}
	found, err := probe(bounded)
	took := time.Since(start)
	if ctx.Err() != nil {
		return // we are stopping; nothing was learnt about the node
	}
	if c.skipped = c.ours(err); c.skipped {
		c.report(Result{Skipped: err})
		return
	}
	if err == nil {
		err = c.objected()
	}
	if err != nil {
		found = finding{said: err.Error()}
	}
	c.count(err, found, took)
	if suspected && err == nil && c.verdict.up {
		c.suspected.Store(false)
	}
}

// ours is whether the check failed for want of something of this machine's own.
// As long as none has passed or failed, want of ports is more likely an address
// that it has no way to at all, like those of IPv6 in many containers.
func (c *Checker) ours(err error) bool {
	resource := shortage.Of(err)
	return resource != "" && (c.verdict.known || resource != shortage.Ports)
}

// count adds one outcome to the verdict, and reports.
func (c *Checker) count(err error, found finding, took time.Duration) {
	changed := c.verdict.add(err == nil)
	if err != nil {
		c.fault = faultOf(err)
	}
	r := Result{
		Up: c.verdict.up, Changed: changed, Reason: c.verdict.progress() + plain(found.said),
		Passed: err == nil, Refused: isGone(err), Took: took, Loop: found.loop,
	}
	if !r.Up {
		r.Fault = c.fault
	}
	c.report(r)
}

// isGone is whether no check can be wrong about it: nobody listens there, or
// there is no address at all.
func isGone(err error) bool {
	return errors.Is(err, errNobodyListens) || errors.Is(err, names.ErrNoAddress)
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// jittered is d, give or take up to a tenth.
func jittered(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.9 + 0.2*rand.Float64()))
}

// pace keeps events apart. Its zero value lets the first one go at once.
type pace struct{ next time.Time }

// wait is how long the event that wants to happen now has to wait, to be gap
// after the one before it.
func (p *pace) wait(gap time.Duration) time.Duration {
	wait := max(0, time.Until(p.next))
	p.next = time.Now().Add(wait + gap)
	return wait
}
