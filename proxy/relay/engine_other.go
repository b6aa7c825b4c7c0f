//go:build !linux

package relay

// New returns the engine for this system. It has no shards.
func New(int) Engine { return NewPortable() }
