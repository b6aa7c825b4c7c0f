//go:build !linux

package relay

// Processors is how many the scheduler should have on so many cores.
func Processors(cores int) int { return cores }

// New returns the engine for this system. It has no shards.
func New(int) Engine { return NewPortable() }
