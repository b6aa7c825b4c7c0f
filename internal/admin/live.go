package admin

import (
	"net/http"
	"time"

	"fermata/internal/admin/endpoint"
)

// lookEvery is how often the nodes are sent to who watches.
const lookEvery = time.Second

// Look is the nodes at a moment, by Fermata's clock.
type Look struct {
	Time time.Time `json:"time"`
	NodeList
	// ReadOnly is whether the token of who watches changes nothing.
	ReadOnly bool `json:"read_only,omitempty"`
}

// live streams what the dashboard shows, as server-sent events: "sample" for
// each one that the history has or gets, "nodes" each second (a Look), and
// without a type what /v1/events sends.
func (s *Server) live(w http.ResponseWriter, r *http.Request) {
	local, err := localOf(r)
	if err != nil {
		writeError(w, err)
		return
	}
	missed, events, leave := s.feed.follow(s.feed.number(r.Header.Get("Last-Event-ID")))
	defer leave()
	out := stream{w: w, control: http.NewResponseController(w), epoch: s.feed.epoch}
	if !out.begin() {
		return
	}
	for _, n := range missed {
		if !out.send(n) {
			return
		}
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for shown := (time.Time{}); s.show(out, r, local, &shown); {
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		case n, ok := <-events:
			if !ok || !out.send(n) {
				return
			}
		}
	}
}

// show sends the nodes, and the samples that are younger than shown.
func (s *Server) show(out stream, r *http.Request, local bool, shown *time.Time) bool {
	for _, sample := range s.history.after(*shown) {
		*shown = sample.Time
		if !out.sendAs("sample", sample) {
			return false
		}
	}
	return out.sendAs("nodes", Look{time.Now().UTC(), s.control.Nodes(local).orEmpty(), s.accessOf(r) == endpoint.Reading})
}
