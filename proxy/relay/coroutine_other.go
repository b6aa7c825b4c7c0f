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
