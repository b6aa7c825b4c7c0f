//go:build !linux

package relay

// Processors is how many the scheduler should have on so many cores.
func Processors(cores int) int { return cores }

// New returns the best engine for this system.
func New() Engine { return NewPlain() }
