package proxy

import (
	"cmp"
	"context"
	"crypto/md5"
	"net/http"
	"strings"

	"fermata/balancer"
	"fermata/internal/pusher"
	"fermata/proxy/session"
)

// toOthers puts the socket ids that nodes know into a request that publishes events:
// an app excludes the sender by the id that its page was told, and a client that
// was moved has another. All other bytes stay. So does a request as a whole that the
// app has not signed: the node refuses it. A request that names a client which is
// being moved waits until it is known where that is. Answered must be called when
// the request is.
func (h *Handler) toOthers(r *http.Request, b *body, o *Options) (_ *http.Request, answered func()) {
	p, ok := newPublishing(r, o)
	if !ok {
		return r, func() {}
	}
	answered = h.events.enter(p.app.ID)
	if h.aliases.none() && h.learned.none() || !p.isSigned(b.md5()) {
		return r, answered
	}
	answered()
	ctx, stop := context.WithTimeout(r.Context(), o.Session.Timeout)
	defer stop()
	s, answered := h.settled(ctx, p, b)
	if s.node != nil {
		r = r.WithContext(context.WithValue(r.Context(), senderKey{}, s.node))
	}
	if len(s.edits) == 0 {
		return r, answered
	}
	b.splice(s.edits)
	return p.signAgain(r, b.md5()), answered
}

// settled waits until nobody whom the request names is being moved, or ctx ends. The
// request is under way when that is looked at, so that a move which begins later
// waits for it.
func (h *Handler) settled(ctx context.Context, p publishing, b *body) (s senders, answered func()) {
	for {
		answered = h.events.enter(p.app.ID)
		if s = h.senders(p, b); s.moving == nil || ctx.Err() != nil {
			return s, answered
		}
		answered()
		select {
		case <-s.moving:
		case <-ctx.Done():
		}
	}
}

// senders are the clients with a session that a request names, here or at another
// member of the cluster.
type senders struct {
	edits  []edit         // where the ids belong that their nodes know
	node   *balancer.Node // that the request had best go to; nil: any
	moving chan struct{}  // closed when a move of one of them is over; nil: none is under way
}

func (h *Handler) senders(p publishing, b *body) (s senders) {
	s.edits = findSocketIDs(b.pieces, p.batch, func(told string) (string, bool) {
		is, known := h.where(p.app.ID, told)
		s.moving = cmp.Or(is.moving, s.moving)
		if !p.batch {
			s.node = is.node
		}
		return is.present, known && is.present != told
	})
	return s
}

// senderKey carries the node of the client that a request names: Reverb up to 1.10.2
// leaves it out only if the request reaches that node. A batch gets no such help:
// there, that node answers 500.
type senderKey struct{}

// senderNode is that node; nil: any is as good.
func senderNode(ctx context.Context) *balancer.Node {
	n, _ := ctx.Value(senderKey{}).(*balancer.Node)
	return n
}

// publishing is a request of a known app that publishes events.
type publishing struct {
	app      *session.App
	batch    bool
	query    pusher.Query
	rawQuery string
	paths    [2]string // that the signature may be for
	signed   string    // the one that it is for
}

func newPublishing(r *http.Request, o *Options) (p publishing, ok bool) {
	path, query, _ := strings.Cut(requestTarget(r), "?")
	below, found := strings.CutPrefix(path, o.PathPrefix)
	rest, isApp := strings.CutPrefix(below, "/apps/")
	id, what, _ := strings.Cut(rest, "/")
	if !found || !isApp || r.Method != http.MethodPost || what != "events" && what != "batch_events" {
		return p, false
	}
	p = publishing{app: o.app(id), batch: what == "batch_events", rawQuery: query, paths: [2]string{path, below}}
	if p.app == nil {
		return p, false
	}
	p.query, ok = pusher.ReadQuery(query)
	return p, ok
}

// app is the known app with that id; nil: none.
func (o *Options) app(id string) *session.App {
	for i := range o.Apps {
		if o.Apps[i].ID == id {
			return &o.Apps[i]
		}
	}
	return nil
}

// isSigned notes the path that the signature is for: with the prefix or, since
// Reverb 1.9, without.
func (p *publishing) isSigned(body [md5.Size]byte) bool {
	for _, path := range p.paths {
		if p.query.SignedBy(p.app.Secret, http.MethodPost, path, body) {
			p.signed = path
			return true
		}
	}
	return false
}

// signAgain returns the request with the signature for another body.
func (p *publishing) signAgain(r *http.Request, body [md5.Size]byte) *http.Request {
	again := r.WithContext(r.Context())
	query := p.query.SignAgain(p.app.Secret, http.MethodPost, p.signed, body)
	again.RequestURI = strings.TrimSuffix(r.RequestURI, p.rawQuery) + query
	return again
}
