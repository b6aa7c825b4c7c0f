package proxy

import (
	"os"
	"runtime"
	"testing"

	"go.uber.org/goleak"
)

// Each busy shard keeps a processor, and the tests have clients of their own.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(2 * runtime.NumCPU())
	os.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50") // ms: spans are sent soon
	goleak.VerifyTestMain(m)
}
