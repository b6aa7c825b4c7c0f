package proxy

import (
	"cmp"
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"fermata/balancer"
	"fermata/proxy/moves"
	"fermata/proxy/relay"
	"fermata/proxy/session"
)

// resultMoved is the result of a move that has succeeded, in a metric.
const resultMoved = "moved"

var (
	errNoSocketID = errors.New("got a greeting without a socket id")
	// errNoBus is that an event came back from the node that it was published
	// through, and not from the other one.
	errNoBus  = errors.New("the nodes do not share what is published: Reverb needs the same Redis on all of them, with scaling enabled")
	errOff    = errors.New("sessions are not moved")
	errEngine = errors.New("this system's engine moves no sessions")
)

// failed is a move that has failed, with its result.
func failed(result string, err error) *moves.NotMoved {
	return &moves.NotMoved{Result: result, Err: err}
}

// Transfer implements moves.Session.
func (s *sessionClient) Transfer(ctx context.Context, from *balancer.Node, lost bool) error {
	ctx, cancel := context.WithTimeout(ctx, s.handler.options.Load().Session.Timeout)
	defer cancel()
	if taken, err := s.takeTurn(ctx); !taken {
		return err
	}
	defer s.turn.Unlock()
	if s.held.Load() || s.pick.Node != from {
		return nil
	}
	began := time.Now()
	ctx, span := s.handler.tracedMove(ctx, s)
	err := because(ctx, s.transfer(ctx, lost))
	endSpan(span, "", err)
	if err != nil && s.held.Load() {
		return nil // its node has ended meanwhile, and it is made anew
	}
	s.handler.noteTransfer(s, err, time.Since(began))
	return err
}

// takeTurn waits until nobody else moves the session. Without an error and the turn
// somebody makes it anew, as its node is lost.
func (s *sessionClient) takeTurn(ctx context.Context) (taken bool, err error) {
	for !s.turn.TryLock() {
		switch {
		case s.held.Load():
			return false, nil
		case s.ended.Load():
			return false, failed(moves.Gone, errGone)
		case ctx.Err() != nil:
			return false, failed(moves.Timeout, ctx.Err())
		}
		pause(ctx, lookAtTurn)
	}
	return true, nil
}

// lookAtTurn is how soon it is looked whether another move is over, which is rare.
const lookAtTurn = 10 * time.Millisecond

// because is why a move has failed: what ctx has ended is not a fault of what it
// was waiting for.
func because(ctx context.Context, err error) error {
	var not *moves.NotMoved
	switch {
	case err == nil || errors.As(err, &not):
		return err
	case errors.Is(ctx.Err(), context.Canceled):
		return failed(moves.Stopping, err)
	case ctx.Err() != nil:
		return failed(moves.Timeout, err)
	}
	return failed(moves.Failed, err)
}

var errGone = errors.New("the client has gone")

func (s *sessionClient) transfer(ctx context.Context, lost bool) error {
	switch o := s.handler.options.Load(); {
	case !o.Session.Move || lost && o.Session.OnLoss != LossMove || !o.knows(s.session.App()):
		return failed(moves.Off, errOff)
	case lost:
		return s.leaveLost(ctx)
	case s.handler.lacksBus(time.Now()):
		return failed(moves.NoSharedBus, errNoBus)
	case o.Session.OnLoss != LossMove:
		return s.move(ctx)
	}
	err := s.move(ctx)
	if errors.Is(err, errUnpublished) && ctx.Err() == nil { // its node ends just now
		return s.leaveLost(ctx)
	}
	return err
}

// move moves the session to another node while its own still works. A node that
// fails it is a failed pick: the next one is asked.
func (s *sessionClient) move(ctx context.Context) (err error) {
	not := []*balancer.Node{s.pick.Node}
	for {
		v, none := s.visit(ctx, not...)
		if none != nil {
			return cmp.Or(err, none)
		}
		if err = s.moveBy(ctx, v); err == nil || v.failed == nil || ctx.Err() != nil {
			return err
		}
		not = append(not, v.pick.Node)
	}
}

// moveBy moves the session to the node of the visit.
func (s *sessionClient) moveBy(ctx context.Context, v *visit) error {
	defer v.abandon()
	m := newSessionMove(s)
	if !s.Hold(m, s.handler.options.Load().Session.MaxHeldBytes) {
		return failed(moves.Off, errEngine)
	}
	defer m.over()
	arriving, err := m.cut(ctx, v)
	if err == nil {
		err = s.replace(v, session.Difference(m.leaving, arriving), arriving.Settle())
	}
	if err != nil {
		m.giveUp()
	}
	return err
}

// leaveLost makes the session anew elsewhere, while its node holds the connection
// and may be frozen.
func (s *sessionClient) leaveLost(ctx context.Context) error {
	v, err := s.visit(ctx, s.pick.Node)
	if err != nil {
		return err
	}
	defer v.abandon()
	m := newSessionMove(s)
	if !s.Hold(m, 0) {
		return failed(moves.Off, errEngine)
	}
	err = m.await(ctx, m.begun, "the client has not come to the end of a message")
	if err == nil {
		err = s.remake(v)
	}
	if err != nil {
		m.giveUp()
	}
	return err
}

// restore makes the session anew for a client that has no node.
func (s *sessionClient) restore(ctx context.Context) error {
	v, err := s.visit(ctx)
	if err != nil {
		return err
	}
	defer v.abandon()
	return s.remake(v)
}

// remake makes the session anew at the node of the visit.
func (s *sessionClient) remake(v *visit) error {
	err := s.replace(v, lifeSign, s.session.Again(v.id))
	if err == nil {
		s.mention()
	}
	return err
}

// lifeSign is for a client that may have asked the lost node for one.
var lifeSign = [][]byte{[]byte(`{"event":"pusher:pong","data":"{}"}`)}

// replace gives the relay its new node.
func (s *sessionClient) replace(v *visit, toClient, toNode [][]byte) error {
	if err := v.handOver(); err != nil {
		return err
	}
	h := s.handler
	done := make(chan error, 1)
	v.taken = true
	s.Replace(relay.Replacement{
		Node: v.node, Rest: v.rest(), Counts: h.tallies.traffic(v.pick.Node.Name()),
		ToClient: toClient, ToNode: toNode,
		Done: func(err error) {
			if err == nil {
				s.arrive(v)
			}
			done <- err
		},
	})
	if err := <-done; err != nil {
		v.leave(atNode)
		return unmoved(err)
	}
	return nil
}

// unmoved is a move that the relay refuses: it has ended, or goes on as it was.
func unmoved(err error) error {
	if errors.Is(err, relay.ErrUnderWay) {
		return failed(moves.Failed, err)
	}
	return failed(moves.Gone, err)
}

// noteTransfer tells of a move that has ended.
func (h *Handler) noteTransfer(s *sessionClient, err error, took time.Duration) {
	var not *moves.NotMoved
	if !errors.As(err, &not) {
		h.noBus.Store(0)
		h.metrics.SessionMoved(resultMoved, took)
		return
	}
	h.metrics.SessionMoved(not.Result, took)
	h.log.Debug("session not moved", zap.Stringer("client", s.ip), s.requestField(), zap.String("result", not.Result), zap.NamedError("err", not.Err))
	switch not.Result {
	case moves.NoSharedBus:
		h.noBus.Store(time.Now().Add(withoutBus).UnixNano())
	case moves.Publish:
	default:
		return
	}
	if count := h.unmoved.add(time.Now(), time.Minute); count > 0 {
		h.log.Warn("sessions are closed and not moved", zap.Int("count", count), zap.String("node", s.pick.Node.Name()), zap.String("result", not.Result), zap.NamedError("err", not.Err))
	}
}

// withoutBus is how long no session is moved after nodes were found not to share
// what is published: each would wait in vain.
const withoutBus = 30 * time.Second

func (h *Handler) lacksBus(now time.Time) bool { return now.UnixNano() < h.noBus.Load() }
