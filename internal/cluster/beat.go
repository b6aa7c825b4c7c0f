package cluster

import (
	"context"
	"errors"
	"maps"

	"go.uber.org/zap"
)

// beat is what a member does every half second.
func (m *Member) beat(ctx context.Context) {
	release := m.take(ctx)
	if release == nil {
		return
	}
	defer release()
	if err := m.exchange(ctx); err != nil {
		m.needy = false
		if ctx.Err() == nil {
			m.missed(err)
		}
		return
	}
	m.bury(ctx, m.peers.age())
	m.settle(ctx)
	m.obey()
	m.tell()
}

// seek takes the places that others have given back since the last beat, without
// being a beat: what is counted in those goes on as it is.
func (m *Member) seek(ctx context.Context) {
	release := m.take(ctx)
	if release == nil {
		return
	}
	defer release()
	if m.needy = m.exchange(ctx) == nil; !m.needy {
		return
	}
	m.settle(ctx)
	m.obey()
	m.tell()
}

// bury removes the reports of members that died a minute ago.
func (m *Member) bury(ctx context.Context, gone []string) {
	if len(gone) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	if err := m.deps.Store.Remove(ctx, gone...); err != nil {
		m.deps.Log.Debug("reports of dead members are left", zap.NamedError("err", err))
	}
}

// settleTries is how often a beat tries to write when others write at the same time.
// After that the next one does.
const settleTries = 3

// settle writes what the store lacks of what this member knows, and its quotas
// as they should be.
func (m *Member) settle(ctx context.Context) {
	var err error
	for range settleTries {
		s := m.known.Clone()
		m.plan(&s)
		if err = m.write(ctx, s); !errors.Is(err, ErrConflict) {
			break
		}
	}
	if err != nil {
		m.deps.Log.Debug("the state was not written", zap.NamedError("err", err))
	}
}

// tell makes what is known the view.
func (m *Member) tell() {
	m.look()
	if m.deps.Changed != nil {
		m.deps.Changed(m.View())
	}
	m.seen = m.known.newest()
}

func (m *Member) look() {
	v := &View{
		Self:     m.id,
		State:    m.known,
		Members:  m.peers.living(),
		Away:     m.outage.err,
		Offset:   m.clock.ahead(),
		quotas:   maps.Clone(m.allowed),
		upgrades: m.peers.upgrades(m.id),
	}
	if v.Away != nil {
		v.Since = m.outage.since
	}
	m.view.Store(v)
}
