//go:build !linux

package relay

import (
	"context"
	"time"
)

// Aside does nothing on this system.
func Aside(context.Context) {}

// Leave does nothing on this system.
func Leave(context.Context) {}

// Gone does nothing on this system.
func Gone(context.Context, func()) {}

// HasGone is never known on this system.
func HasGone(context.Context) bool { return false }

// Pause waits for so long, or until ctx ends, whose error it returns then.
func Pause(ctx context.Context, long time.Duration) error {
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
