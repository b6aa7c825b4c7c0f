package relay

import (
	"runtime"
	"testing"

	"go.uber.org/goleak"
)

// Each busy shard keeps a processor, and the tests have peers of their own.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(2 * runtime.GOMAXPROCS(0))
	goleak.VerifyTestMain(m)
}
