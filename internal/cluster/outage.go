package cluster

import (
	"time"

	"go.uber.org/zap"
)

const (
	// awayAfter failed beats Redis counts as away, or after awayFor.
	awayAfter = 3
	awayFor   = 1500 * time.Millisecond
)

// outage is a time in which the store cannot be reached. The zero value is none.
type outage struct {
	failed int       // beats in a row
	since  time.Time // of the first
	err    error     // why; nil: it is not called one yet
}

// missed counts a beat that failed. A member that has never met the others calls
// it an outage at once.
func (m *Member) missed(err error) {
	o := &m.outage
	if o.failed++; o.failed == 1 {
		o.since = time.Now()
	}
	if m.met && o.failed < awayAfter && time.Since(o.since) < awayFor {
		return
	}
	m.away(err)
}

// away makes it an outage.
func (m *Member) away(err error) {
	o := &m.outage
	if o.failed == 0 {
		o.failed, o.since = 1, time.Now()
	}
	if o.err == nil {
		m.deps.Log.Warn("Redis cannot be reached, going on with what is known", zap.NamedError("err", err))
	}
	o.err = err
	m.tell()
}

// back ends an outage.
func (m *Member) back() {
	if m.outage.err != nil {
		m.deps.Log.Info("Redis can be reached again", zap.Duration("dur", time.Since(m.outage.since)))
	}
	m.outage = outage{}
}
