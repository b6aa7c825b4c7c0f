package proxy

import (
	"context"
	"time"
)

// silence is the time of a move in which an app publishes nothing in the name of the
// client. What is published before the cut reaches the client from its old node, and
// the rest from the new one: each knows it by another id, and a request names one.
// So requests that name the client wait from silence until end, here and at the other
// members of a cluster. The marker waits for those that nodes have already, and until
// the others could know of the move.
type silence struct {
	earlier     <-chan struct{} // closed when those are answered
	heard       <-chan struct{} // closed when the others could know; nil: there are none
	leave, over func()
}

// silence begins when the client is held.
func (s *sessionClient) silence() *silence {
	over := s.handler.aliases.begin(s.session.App().ID, s.session.Told(), s.session.Present())
	q := &silence{over: func() { over(); s.mention() }}
	q.heard = s.announce()
	q.earlier, q.leave = s.handler.events.earlier(s.session.App().ID)
	return q
}

// shareOfSilence is the part of its time for which a move waits for requests at nodes.
// It does not know whom they name. One that takes longer may be at a node that is
// stuck, and that must not keep clients on another. If it names the client, and its
// event is published after all, the client gets that.
const shareOfSilence = 20

// shareForOthers is the part of its time for which a move waits for requests at nodes
// that came through other members, after those could know of it. It is not told when they
// are answered: that would be a message of each member for each move. Most are within a
// few milliseconds, but not where nodes and members are short of processors.
const shareForOthers = 100

// wait waits for the requests that came before, here and at the others. The move may
// take most altogether; failed has why it cannot succeed.
func (q *silence) wait(ctx context.Context, most time.Duration, failed <-chan error) error {
	slow := time.NewTimer(most / shareOfSilence)
	defer slow.Stop()
	var answered <-chan time.Time
	for earlier, heard := q.earlier, q.heard; earlier != nil || heard != nil || answered != nil; {
		select {
		case <-earlier:
			earlier = nil
		case <-heard:
			heard, answered = nil, time.After(most/shareForOthers)
		case <-answered:
			answered = nil
		case <-slow.C:
			return nil
		case err := <-failed:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// end lets requests go on that name the client.
func (q *silence) end() {
	q.leave()
	q.over()
}
