package health

import (
	"context"
	"time"
)

// A probe asks a node once, until ctx ends at the latest. The error says what
// the node did not do, for people.
type probe func(ctx context.Context) (finding, error)

// finding is what a node did.
type finding struct {
	said string        // for people
	loop time.Duration // from what was asked to the answer, connected; 0: nothing was
}

func newProbe(address string, o Options) probe {
	switch {
	case o.Type == TypeReverb && o.Reverb.AppKey != "":
		return reverbProbe(address, o)
	case o.Type == TypeReverb, o.Type == TypeHTTP:
		return httpProbe(address, o)
	}
	return tcpProbe(address, o)
}
