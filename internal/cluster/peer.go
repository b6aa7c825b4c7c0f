package cluster

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"time"
)

const (
	// deadAfter is how many of our own beats may pass without one of a member that
	// lives. An outage of the store counts for nobody, since then there are none.
	deadAfter = 6
	// lostAfter is after how many what a dead member has may be given to others.
	lostAfter = 10
	// removedAfter is after how many a dead member's report is removed.
	removedAfter = 120
	// strangerAge is how far a report's time may be from the store's when its
	// member is not known: an older one was kept by somebody and written again.
	strangerAge = 5 * time.Second
)

// Why something in the store does not count.
const (
	RefusedSignature = "signature" // not signed with the cluster's secret
	RefusedMalformed = "malformed" // signed, and not understood
	RefusedOld       = "old"       // a stranger's report of long ago, or a state before the newest
	RefusedRepeated  = "repeated"  // a report before the member's newest
)

// Refusals are all of these words.
var Refusals = []string{RefusedSignature, RefusedMalformed, RefusedOld, RefusedRepeated}

// peer is who has a report in the store, this member too.
type peer struct {
	raw    []byte // what was read last, whether it counts or not
	report Report // the newest that counts; without ID none has
	idle   int    // beats since then, or since it was looked for first
	stale  bool   // it was left over before this member came
	asked  demand // as of report
	latest demand // as of the last beat
	lately demand // and of the one before
}

func (p *peer) known() bool { return p.report.ID != "" }
func (p *peer) lives() bool { return p.known() && !p.report.Gone && p.idle < deadAfter }

// holds is whether what it has been given is still its own.
func (p *peer) holds() bool { return !p.report.Gone && p.idle < lostAfter }

// peers are those with a report, or a quota, in the store, by member id.
type peers map[string]*peer

// hear takes in what the store has, and calls refused for what does not count;
// once, as long as it stays as it is.
func (ps peers) hear(h Heard, sign signer, refused func(reason string)) {
	for id, raw := range h.Reports {
		p := ps.of(id)
		if bytes.Equal(p.raw, raw) {
			continue
		}
		p.raw = bytes.Clone(raw)
		report, reason := p.open(id, raw, h.Now, sign)
		p.stale = reason == RefusedOld
		if reason != "" {
			if !report.Gone { // one that has left properly is nothing to wonder about
				refused(reason)
			}
			continue
		}
		p.take(report)
	}
	ps.part(h.Reports)
}

// hearSelf makes sure that this member is among the living with its newest
// report, whatever somebody did to it in the store.
func (ps peers) hearSelf(r Report) { ps.of(r.ID).take(r) }

func (ps peers) of(id string) *peer {
	p := ps[id]
	if p == nil {
		p = new(peer)
		ps[id] = p
	}
	return p
}

func (p *peer) take(r Report) {
	p.asked.add(p.report, r)
	p.report, p.idle = r, 0
}

// open reads a report, and gives a reason, one of Refusals, if it does not count.
func (p *peer) open(id string, raw []byte, now time.Time, sign signer) (r Report, reason string) {
	body, err := sign.open("report", raw)
	switch {
	case err != nil:
		return r, RefusedSignature
	case json.Unmarshal(body, &r) != nil || r.ID != id:
		return r, RefusedMalformed
	case !p.known() && now.Sub(time.UnixMilli(r.At)).Abs() > strangerAge:
		return r, RefusedOld
	case p.known() && r.Seq <= p.report.Seq:
		return r, RefusedRepeated
	}
	return r, ""
}

// part forgets those whose report is not there any more. Who lived a moment ago
// may be there in the next beat: others can remove what they like.
func (ps peers) part(there map[string][]byte) {
	for id, p := range ps {
		_, there := there[id]
		if !there && (p.report.Gone || p.idle >= removedAfter) {
			delete(ps, id)
		}
	}
}

// age counts a beat, and returns whose reports are to be removed. Those with
// another signature stay.
func (ps peers) age() (gone []string) {
	for id, p := range ps {
		p.idle++
		p.lately, p.latest = p.latest, p.asked
		if (p.known() || p.stale) && p.idle == removedAfter {
			gone = append(gone, id)
		}
	}
	return gone
}

// living are the reports of those that live, by name and id.
func (ps peers) living() (all []Report) {
	for _, p := range ps {
		if p.lives() {
			all = append(all, p.report)
		}
	}
	slices.SortFunc(all, func(a, b Report) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return all
}
