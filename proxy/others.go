package proxy

import (
	"crypto/md5"
	"net/http"
	"strings"

	"fermata/internal/pusher"
	"fermata/proxy/session"
)

// toOthers puts the socket ids that nodes know into a request that publishes events:
// an app excludes the sender by the id that its page was told, and a client that
// was moved has another. All other bytes stay. So does a request as a whole that the
// app has not signed: the node refuses it.
func (h *Handler) toOthers(r *http.Request, b *body, o *Options) *http.Request {
	if h.aliases.none() {
		return r
	}
	p, ok := newPublishing(r, o)
	if !ok || !p.isSigned(b.md5()) {
		return r
	}
	edits := findSocketIDs(b.pieces, p.batch, func(told string) (string, bool) { return h.aliases.present(p.app.ID, told) })
	if len(edits) == 0 {
		return r
	}
	b.splice(edits)
	return p.signAgain(r, b.md5())
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
	p.query, ok = pusher.ReadQuery(query)
	return p, ok && p.app != nil
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
