//go:build unix

package acme

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// its rate limiter is the process's, one per CA and account
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.(*RingBufferRateLimiter).loop"))
}
