package main

import (
	"os"
	"strconv"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"fermata/internal/lab/devnode/process"
)

const (
	asFermata = "FERMATA_TEST_MAIN"  // marks a process of this test's binary that is to be Fermata itself
	files     = "FERMATA_TEST_FILES" // is its limit of open files; unset: as it is
)

func TestMain(m *testing.M) {
	process.Become()
	if os.Getenv(asFermata) != "" {
		withFiles()
		main()
	}
	goleak.VerifyTestMain(m)
}

// withFiles gives this process, which is to be Fermata, as many descriptors as
// the environment says.
func withFiles() {
	if n, err := strconv.ParseUint(os.Getenv(files), 10, 64); err == nil {
		syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: n, Max: n})
	}
}
