package health

import (
	"context"
	"crypto/tls"
	"net"
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

// Dial connects to the node at HOST:PORT until ctx ends.
type Dial func(ctx context.Context, address string) (net.Conn, error)

// Place is where a node is, and how to get there.
type Place struct {
	Address string // HOST:PORT
	Dial    Dial
	Secure  *tls.Config // how TLS is spoken there; nil: it is not
}

func newProbe(at Place, o Options) probe {
	switch {
	case o.Type == TypeReverb && o.Reverb.AppKey != "":
		return reverbProbe(at, o)
	case o.Type == TypeReverb, o.Type == TypeHTTP:
		return httpProbe(at, o)
	}
	return tcpProbe(at, o)
}

// answeringProbe is one that waits for an answer of the node.
func answeringProbe(at Place, o Options) probe {
	if o.Type == TypeReverb || o.Type == TypeHTTP {
		return newProbe(at, o)
	}
	return signOfLifeProbe(at, o)
}
