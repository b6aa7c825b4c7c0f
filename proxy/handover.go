package proxy

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"fermata/proxy/moves"
	"fermata/proxy/relay"
)

// Leaving is a client that is detached for another process. One of Gone, Resume and
// Stay must be called, once.
type Leaving struct {
	detached
	state []byte
}

// Client is the descriptor of the client's connection, open until Gone.
func (l *Leaving) Client() int { return l.relay.Client() }

// Node is the descriptor of the connection to its node, open until Gone.
func (l *Leaving) Node() int { return l.relay.Node() }

// State is all that is known of the client, for Receive, as JSON.
func (l *Leaving) State() []byte { return l.state }

// Gone is that another process has the client, which counts nowhere any more here.
func (l *Leaving) Gone() {
	l.gone()
	l.h.metrics.HandedOut()
}

// Resume has the client go on here, as if nothing had been.
func (l *Leaving) Resume() { l.goOn(false) }

// Stay is Resume for a client that the other process does not take: HandOver does not
// return it again, as long as it has this node.
func (l *Leaving) Stay() { l.goOn(true) }

// Left is how many clients are still here, after HandOver.
type Left struct {
	Later int // that may be handed over later: just now they are moved, end, or come in
	Stay  int // that cannot: they use TLS, or their nodes do, or Stay was called
}

// HandOver detaches up to most clients that are at rest and use no TLS. It waits for
// the relay's shards, which is short, and not for clients. When ctx has ended it
// returns those that it has. It must not be called concurrently.
func (h *Handler) HandOver(ctx context.Context, most int) (leaving []*Leaving, left Left) {
	var busy []*moves.Client
	for len(leaving) < most && ctx.Err() == nil {
		lent := h.moves.Lend(most - len(leaving))
		if len(lent) == 0 {
			break
		}
		some, others := h.detach(lent)
		leaving, busy = append(leaving, some...), append(busy, others...)
	}
	for _, c := range busy {
		h.moves.Add(c)
	}
	left.Stay = h.moves.Bound()
	left.Later = max(0, int(h.clients.Load())-left.Stay-len(leaving))
	return leaving, left
}

// detach detaches those of the clients that are at rest. Busy are not now; those that
// never will be are given back.
func (h *Handler) detach(lent []*moves.Client) (leaving []*Leaving, busy []*moves.Client) {
	results := make(chan detachResult, len(lent))
	for _, c := range lent {
		c.Relay.Detach(func(d *relay.Detached, err error) {
			r := detachResult{of: c, err: errPanic}
			defer func() { results <- r }()
			r.leaving, r.err = h.pack(d, err)
		})
	}
	for range lent {
		switch r := <-results; {
		case r.err == nil:
			leaving = append(leaving, r.leaving)
		case errors.Is(r.err, relay.ErrStays):
			h.moves.Bind(r.of)
		default:
			busy = append(busy, r.of)
		}
	}
	return leaving, busy
}

// detachResult is what has come of detaching one client.
type detachResult struct {
	of      *moves.Client
	leaving *Leaving
	err     error
}

var errPanic = errors.New("there was a panic")

// pack makes a client that was detached ready for another process. It is called where
// the relay has run, so that nobody changes what is packed.
func (h *Handler) pack(d *relay.Detached, err error) (*Leaving, error) {
	if err != nil {
		return nil, err
	}
	l := &Leaving{detached: detached{h, d.Owner().(portable), d}}
	if l.state, err = l.of.pack(d.State()); err != nil {
		h.log.Error("client not handed over", zap.NamedError("err", err))
		l.goOn(true)
	}
	return l, err
}
