package health

import "context"

// A probe asks a node once, until ctx ends at the latest. The text says what
// the node did, the error what it did not; both are what people read.
type probe func(ctx context.Context) (string, error)

func newProbe(address string, o Options) probe {
	switch {
	case o.Type == TypeReverb && o.Reverb.AppKey != "":
		return reverbProbe(address, o)
	case o.Type == TypeReverb, o.Type == TypeHTTP:
		return httpProbe(address, o)
	}
	return tcpProbe(address, o)
}
