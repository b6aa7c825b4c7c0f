package relay

import (
	"errors"
	"net"
	"time"
)

// turnAway ends a pair that cannot be relayed. The client gets its 101 and a
// Close frame, so that it comes back soon, as it would not after a mere end.
func turnAway(p Pair, cause error) {
	end := End{By: ByLimit, Err: cause}
	if errors.Is(cause, net.ErrClosed) {
		end.By = ByClient // http.Server has closed what it was giving away
	}
	_ = p.Client.SetDeadline(time.Now().Add(p.Options.Close)) // it has room: nothing was sent so far
	if _, err := p.Client.Write(AppendClose(p.Head, statusTryAgain, "")); err == nil {
		end.Code = statusTryAgain
	}
	p.Node.Close()
	p.Client.Close()
	tellEnded(p.Owner, end)
}

// noRelay is a relay that has ended.
type noRelay struct{}

// Close implements Relay.
func (noRelay) Close(Close) {}

// Hold implements Relay.
func (noRelay) Hold(m Mover, _ int) bool {
	m.Aborted(errEnded)
	return true
}

// Resume implements Relay.
func (noRelay) Resume([][]byte) {}

// Detach implements Relay.
func (noRelay) Detach(done func(*Detached, error)) { done(nil, errEnded) }

// Replace implements Relay.
func (noRelay) Replace(r Replacement) { r.refuse(errEnded) }
