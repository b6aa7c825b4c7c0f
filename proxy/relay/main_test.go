package relay

import (
	"runtime"
	"testing"

	"go.uber.org/goleak"
)

// The tests have as many Ps as Fermata would: each busy shard keeps one.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(2 * runtime.GOMAXPROCS(0))
	goleak.VerifyTestMain(m)
}
