package cluster

import "context"

// leave gives back what this member has, and tells the others that it goes. Its
// last report is not removed: those who do not find one cannot know why.
func (m *Member) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	release := m.take(ctx)
	if release == nil {
		return
	}
	defer release()
	if m.outage.failed > 0 {
		return
	}
	m.giveBack(ctx)
	report := m.report()
	report.Gone = true
	_, _ = m.deps.Store.Beat(ctx, m.id, m.sign.seal("report", encode(report))) // otherwise it is found to be dead
}

// giveBack is tried twice, as others may write at the same time.
func (m *Member) giveBack(ctx context.Context) {
	for range 2 {
		s := m.known.Clone()
		s.take(m.id)
		if err := m.write(ctx, s); err == nil || m.exchange(ctx) != nil {
			return
		}
	}
}
