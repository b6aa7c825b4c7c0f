package proxy

import (
	"runtime"
	"testing"

	"go.uber.org/goleak"
)

// Each busy shard keeps a processor, and the tests have clients of their own.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(2 * runtime.NumCPU())
	goleak.VerifyTestMain(m)
}
