//go:build !linux

package process

// untilStopped does nothing: only Linux can be asked for a stopped child
// without collecting it.
func untilStopped(int) error { return nil }
