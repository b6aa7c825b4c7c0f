package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"
)

// exchange writes this member's report and takes in what all have written.
func (m *Member) exchange(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	if !m.met { // a first report has the store's time, too
		if _, err := m.ask(ctx, nil); err != nil {
			return err
		}
	}
	report := m.report()
	heard, err := m.ask(ctx, m.sign.seal("report", encode(report)))
	if err != nil {
		return err
	}
	m.back()
	delete(heard.Reports, m.id) // whatever somebody made of it meanwhile
	m.peers.hear(heard, m.sign, m.deps.refuse)
	m.peers.hearSelf(report)
	m.hear(heard.State)
	m.met = true
	return nil
}

// hear takes in the state that the store has, nil for none.
func (m *Member) hear(raw []byte) {
	if m.unsure != nil && !sameBytes(raw, m.unsure.old) {
		m.unsure = nil // either it was written, or it can be no more
	}
	if !m.met || !sameBytes(raw, m.stored) {
		m.merge(raw)
	}
}

// sameBytes tells nothing from an empty value.
func sameBytes(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

// ask also sets the clock.
func (m *Member) ask(ctx context.Context, report []byte) (Heard, error) {
	asked := time.Now()
	heard, err := m.deps.Store.Beat(ctx, m.id, report)
	if err == nil {
		m.clock.adjust(heard.Now, asked, time.Now())
	}
	return heard, err
}

// report is the next one.
func (m *Member) report() Report {
	m.seq++
	r := m.deps.Report()
	r.ID, r.Name, r.Seq, r.Seen = m.id, m.name, m.seq, m.seen
	r.At, r.Started = m.Now().UnixMilli(), m.started.Add(m.clock.ahead())
	return r
}

// merge is for a state that is new to this member.
func (m *Member) merge(raw []byte) {
	m.stored, m.there = raw, State{}
	if raw != nil {
		there, reason := m.open(raw)
		if reason == "" && there.Version < m.known.Version {
			reason = RefusedOld
		}
		if reason != "" {
			m.deps.refuse(reason)
		}
		m.there = there
	}
	merged := m.known.Clone()
	merged.merge(m.there, m.Now())
	m.know(merged)
}

// open reads a state, and gives a reason, one of Refusals, if there is nothing
// to read.
func (m *Member) open(raw []byte) (s State, reason string) {
	body, err := m.sign.open("state", raw)
	if err != nil {
		return State{}, RefusedSignature
	}
	if s, err = decode(body); err != nil {
		return State{}, RefusedMalformed
	}
	return s, ""
}

// know makes a state the one that this member acts by.
func (m *Member) know(s State) {
	m.known = s
	m.clock.see(s.newest())
}

// write puts a state into the store, where that has not got it. After ErrConflict
// this member knows what others have written meanwhile.
func (m *Member) write(ctx context.Context, s State) error {
	s.forget(m.Now())
	s = s.normal()
	if s.same(m.there) && s.Version <= m.there.Version && m.unsure == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	s.Version++
	raw := m.sign.seal("state", encode(s))
	now, err := m.deps.Store.Swap(ctx, m.stored, raw)
	switch {
	case errors.Is(err, ErrConflict):
		m.hear(now)
		return err
	case err != nil:
		m.unsure = &swap{old: m.stored, new: raw}
		return err
	}
	m.stored, m.there, m.unsure = raw, s, nil
	m.know(s)
	return nil
}

func encode(what any) []byte {
	text, err := json.Marshal(what)
	if err != nil {
		panic(err) // these types can be
	}
	return text
}
