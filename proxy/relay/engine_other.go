//go:build !linux

package relay

// New returns the best engine for this system.
func New() Engine { return NewPlain() }
