package relay

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// ending is what is known about the end of a relay. By is what came first.
type ending struct {
	by         By     // empty until something ends the relay
	err        error  // what came with it
	wish       *Close // to be sent at the next boundary
	sentCode   uint16 // status of the Close frame that the client got; 0: none yet
	clientOver bool   // it has sent its Close frame, or its connection has ended
	clientCode uint16 // status of the client's own; 0: none yet
	awaits     bool   // the wish waits for what the node still answers; of the plain engine
	held       *held  // the client is, without a node; nil: it is not
}

// mostCloses is how many times Options.Close the end of a relay can take, as long
// as a frame passes.
const mostCloses = 10

// errCut is why a relay was cut that had not ended.
var errCut = errors.New("all that had not ended was cut")

// held is what a client that is held open will be told, and why.
type held struct {
	farewell Close
	cause    error
}

// first notes what ends the relay, and reports whether nothing had before.
func (e *ending) first(by By, err error) bool {
	if e.by != "" {
		return false
	}
	e.by, e.err = by, err
	return true
}

// because notes what came in the way of a clean end.
func (e *ending) because(err error) {
	if e.err == nil {
		e.err = err
	}
}

// farewell is what a client is told whose node has ended: what was wished
// for, or the answer that the node owed to its Close frame. Where there is
// neither, ask is true for a client that wants to know, and false for one that
// has gone or was cut.
func (e *ending) farewell() (farewell Close, ok, ask bool) {
	switch {
	case e.wish != nil:
		return *e.wish, true, false
	case e.clientCode != 0:
		return Close{Code: int(e.clientCode), By: ByClient}, true, false
	}
	return Close{}, false, e.by == ""
}

// late is the error of a relay that has not ended within its bound.
func (e *ending) late(within time.Duration) error {
	leg := "client"
	if e.clientOver {
		leg = "node"
	}
	return fmt.Errorf("%s had not ended %v after the relay began to", leg, within)
}

// end fills in what is known.
func (e *ending) end(end *End) {
	end.By, end.Err, end.Code = e.by, e.err, int(e.sentCode)
	if end.Code == 0 || e.by == ByClient && e.clientCode != 0 {
		end.Code = int(e.clientCode)
	}
}

// unlessEOF drops the error that means nothing but an end.
func unlessEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// errCutFrame is why no Close frame could follow.
func errCutFrame(err error) error {
	return errors.Join(errors.New("node ended inside of a frame"), err)
}

// errStalled is why a leg that takes nothing was given up.
func errStalled(leg string, after time.Duration) error {
	return fmt.Errorf("%s has taken nothing for %v: %w", leg, after, os.ErrDeadlineExceeded)
}

// errIdle is why a relay that nobody uses was ended.
func errIdle(after time.Duration) error {
	return fmt.Errorf("nothing has passed for %v: %w", after, os.ErrDeadlineExceeded)
}

// idleClose is what the client is told then.
var idleClose = Close{Code: statusGoingAway, Reason: "idle", By: ByTimeout}
