package main

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"fermata/internal/lab/devnode/process"
)

// asFermata marks a process of this test's binary that is to be Fermata itself.
const asFermata = "FERMATA_TEST_MAIN"

func TestMain(m *testing.M) {
	process.Become()
	if os.Getenv(asFermata) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}
